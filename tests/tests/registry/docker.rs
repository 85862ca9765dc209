//! Against Debian's `docker-registry`.

use minifier_tests::registry::{RegistryProcess, blobs_of, noise, stored};

use crate::support::Client;

#[test]
fn docker_registry_gives_back_what_was_pushed() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(1, 3_000_000), noise(2, 10), Vec::new()]);
    let name = format!("{}/some/app:1", registry.host());
    let pushed = client.push(&image, &name).unwrap();
    assert_eq!(pushed.digest, image.manifest.digest());
    assert_eq!((pushed.sent, pushed.present, pushed.mounted), (4, 0, 0));
    for name in [
        &name,
        &format!("{}/some/app@{}", registry.host(), pushed.digest),
    ] {
        let pulled = client.pull(name).unwrap();
        assert_eq!(pulled.manifest, image.manifest);
        assert_eq!(pulled.config, image.config);
        assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    }
    let again = client.push(&image, &name).unwrap();
    assert_eq!((again.sent, again.present, again.bytes), (0, 4, 0));
    assert_eq!(
        registry.unfinished("some/app"),
        [] as [std::path::PathBuf; 0]
    );
}
