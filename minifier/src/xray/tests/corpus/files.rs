//! The files and steps of the corpus, each with its label.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::maker::Maker;

/// What only makes a tree what it is.
pub(crate) const STRUCTURE: [&str; 32] = [
    "usr/local/go/VERSION",
    "usr/local/go/src/go.mod",
    "usr/local/go/src/runtime/proc.go",
    "usr/local/go/bin/go",
    "root/.pyenv/versions/3.12.4/lib/python3.12/os.py",
    "root/.pyenv/versions/3.12.4/lib/python3.12/encodings/__init__.py",
    "opt/conda/conda-meta/history",
    "opt/conda/pkgs/tk-8/info/index.json",
    "opt/conda/pkgs/tk-8/info/files",
    "root/.cargo/registry/index/x",
    "root/.cargo/registry/cache/x",
    "root/.cargo/registry/src/index-1/rustls-0.23/Cargo.toml.orig",
    "root/.rustup/toolchains/stable/lib/rustlib/components",
    "usr/local/lib/R/site-library/openssl/DESCRIPTION",
    "usr/local/lib/R/site-library/openssl/NAMESPACE",
    "usr/local/lib/erlang/bin/erl",
    "usr/local/lib/erlang/releases/RELEASES",
    "usr/local/lib/erlang/usr/include/erl_nif.h",
    "app/vendor/modules.txt",
    "srv/php/vendor/autoload.php",
    "srv/php/vendor/composer/installed.json",
    "usr/local/lib/ruby/3.3.0/rubygems.rb",
    "usr/local/lib/ruby/3.3.0/openssl.rb",
    "usr/local/lib/ruby/3.3.0/set.rb",
    "opt/jdk/release",
    "opt/jdk/bin/java",
    "opt/jdk/lib/modules",
    "root/.nuget/packages/kestrel/8.0/.nupkg.metadata",
    "usr/share/perl/5.36/strict.pm",
    "usr/share/perl/5.36/warnings.pm",
    "app/node_modules/tls/package.json",
    "usr/share/keys/list",
];

/// Files that hold no secret, though they look as if.
pub(crate) fn decoys(m: &mut Maker) -> Vec<(&'static str, String)> {
    let firebase = |key: String| {
        format!("const c = {{ apiKey: \"{key}\", authDomain: \"a.firebaseapp.com\" }};\n")
    };
    let emulator = [
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
        "/K1SZFPTOtr/KBHBeksoGMGw==",
    ]
    .concat();
    vec![
        // Go: its own sources and tests, its cache of modules, vendored modules.
        ("usr/local/go/src/crypto/tls/key.go", m.pem("RSA TESTING ")),
        ("usr/local/go/src/net/http/cert.go", m.pem("RSA ")),
        ("usr/local/go/src/crypto/x509/tls_test.go", m.pem("EC ")),
        ("root/go/pkg/mod/github.com/a/b@v1.2.3/key.pem", m.pem("")),
        ("app/vendor/github.com/a/b/certs/key.pem", m.pem("")),
        // Tests, examples, templates.
        ("app/test/server.key", m.pem("")),
        ("app/internal/testdata/id_rsa", m.pem("RSA ")),
        ("srv/kafka/examples/tls/key.pem", m.pem("")),
        ("app/docs/tls.md.pem", m.pem("")),
        (
            "app/.env.example",
            format!("DB_PASSWORD={}\n", m.password()),
        ),
        (
            "app/config.sample.yml",
            format!("url: http://u:{}@db/x\n", m.password()),
        ),
        (
            "app/tests/token.json",
            format!("{{\"t\": \"{}\"}}", m.github()),
        ),
        ("app/spec/aws.rb", format!("key = '{}'\n", m.aws())),
        // Languages and their tools.
        ("opt/conda/lib/python3.12/key.pem", m.pem("")),
        ("opt/conda/pkgs/tk-8/ssl/key.pem", m.pem("")),
        (
            "root/.pyenv/versions/3.12.4/lib/python3.12/ssl/key.pem",
            m.pem("RSA "),
        ),
        (
            "usr/local/lib/python3.12/site-packages/twisted/key.pem",
            m.pem(""),
        ),
        (
            "root/.cargo/registry/src/index-1/rustls-0.23/src/key.pem",
            m.pem("RSA "),
        ),
        (
            "root/.rustup/toolchains/stable/lib/rustlib/src/key.pem",
            m.pem(""),
        ),
        (
            "usr/local/lib/R/site-library/openssl/keys/id_rsa",
            m.pem("RSA "),
        ),
        ("usr/local/lib/erlang/lib/ssl-11.1/priv/key.pem", m.pem("")),
        ("usr/local/lib/ruby/3.3.0/bundler/key.pem", m.pem("")),
        (
            "usr/local/bundle/gems/puma-6.4.2/ext/key.pem",
            m.pem("RSA "),
        ),
        ("usr/share/perl/5.36/IO/key.pem", m.pem("")),
        ("opt/jdk/lib/security/key.pem", m.pem("")),
        ("root/.nuget/packages/kestrel/8.0/key.pem", m.pem("")),
        ("srv/php/vendor/guzzle/key.pem", m.pem("")),
        ("app/node_modules/tls/certs/key.pem", m.pem("")),
        ("usr/share/owned/key.pem", m.pem("")),
        // Values that everybody knows, and places of secrets.
        (
            "app/database.env",
            "URL=postgres://postgres:postgres@db/x\n".to_owned(),
        ),
        (
            "app/queue.yaml",
            "url: amqp://guest:guest@mq:5672/\n".to_owned(),
        ),
        (
            "app/arn.env",
            "DB_SECRET=arn:aws:secretsmanager:eu-west-1:1:secret:db-a1b2c3\n".to_owned(),
        ),
        ("app/static/app.js", firebase(m.google())),
        (
            "app/google-services.json",
            format!(
                "{{\"mobilesdk_app_id\": \"1:2\", \"current_key\": \"{}\"}}",
                m.google()
            ),
        ),
        (
            "srv/spring/application.yml",
            "spring:\n  datasource:\n    password: ${DB_PASSWORD:postgres}\n".to_owned(),
        ),
        (
            "srv/dev/settings.py",
            "SECRET_KEY = os.environ['DJANGO_SECRET_KEY']\n".to_owned(),
        ),
        (
            "app/azurite.env",
            format!("S=DefaultEndpointsProtocol=http;AccountKey={emulator};\n"),
        ),
        ("app/public.pem", m.pem("").replace("PRIVATE", "PUBLIC")),
        (
            "app/readme.txt",
            "Put -----BEGIN PRIVATE KEY----- here.\n".to_owned(),
        ),
    ]
}

/// Files that hold a secret.
pub(crate) fn secrets(m: &mut Maker) -> Vec<(&'static str, String)> {
    let key = |m: &mut Maker| STANDARD.encode(m.pem("RSA "));
    let account = |m: &mut Maker| STANDARD.encode(m.bytes(64));
    let adc = |m: &mut Maker| {
        json!({
            "type": "authorized_user",
            "client_id": "1.apps.googleusercontent.com",
            "refresh_token": m.word(60),
        })
    };
    let service = |m: &mut Maker| json!({"type": "service_account", "private_key": m.pem("")});
    let jwt = |m: &mut Maker| {
        let part = |m: &mut Maker, n| m.word(n);
        format!("eyJ{}.eyJ{}.{}", part(m, 40), part(m, 700), part(m, 340))
    };
    vec![
        ("app/server.key", m.pem("RSA ")),
        ("root/.ssh/id_ed25519", m.pem("")),
        ("usr/share/app/tls/server.pem", m.pem("EC ")),
        ("usr/share/nginx/html/backup/id_rsa", m.pem("RSA ")),
        ("etc/ssl/private/live.pem", m.pem("")),
        ("opt/conda/etc/live.pem", m.pem("")),
        ("usr/local/go/live.pem", m.pem("")),
        (
            "root/.kube/config",
            format!(
                "apiVersion: v1\nkind: Config\nclusters: []\ncurrent-context: a\nusers:\n- name: a\n  user:\n    client-key-data: {}\n",
                key(m)
            ),
        ),
        (
            "etc/rancher/k3s/k3s.yaml",
            format!(
                "apiVersion: v1\nkind: Config\nclusters: []\ncurrent-context: a\nusers:\n- name: a\n  user:\n    token: {}\n",
                m.word(40)
            ),
        ),
        (
            "srv/deploy/prod.kubeconfig",
            format!(
                "clusters: []\ncurrent-context: a\nusers:\n- user:\n    token: {}\n",
                jwt(m)
            ),
        ),
        (
            "root/.config/gcloud/application_default_credentials.json",
            adc(m).to_string(),
        ),
        ("app/service-account.json", service(m).to_string()),
        (
            "root/.config/gcloud/credentials.db",
            format!(
                "SQLite format 3\0\u{1}\0 {{\"refresh_token\": \"1//0{}\"}}",
                m.word(60)
            ),
        ),
        (
            "app/storage.yaml",
            format!(
                "c: DefaultEndpointsProtocol=https;AccountName=a;AccountKey={};E=x\n",
                account(m)
            ),
        ),
        (
            "app/bus.json",
            format!(
                "{{\"c\": \"Endpoint=sb://a/;SharedAccessKey={}\"}}",
                m.base64(32)
            ),
        ),
        (
            "srv/app/application-prod.properties",
            format!(
                "spring.datasource.username=a\nspring.datasource.password={}\n",
                m.password()
            ),
        ),
        (
            "srv/app/config/application.yml",
            format!("spring:\n  mail:\n    password: {}\n", m.password()),
        ),
        (
            "srv/site/settings.py",
            format!("SECRET_KEY = '{}'\n", m.word(50)),
        ),
        (
            "srv/shop/settings/production.py",
            format!(
                "DATABASES = {{'default': {{'PASSWORD': '{}'}}}}\n",
                m.password()
            ),
        ),
        (
            "app/appsettings.json",
            format!(
                "{{\"ConnectionStrings\": {{\"D\": \"Server=d;User Id=sa;Password={};\"}}}}",
                m.password()
            ),
        ),
        (
            "var/www/wp-config.php",
            format!("define( 'DB_PASSWORD', '{}' );\n", m.password()),
        ),
        ("app/.env", format!("JWT_SECRET={}\n", m.word(32))),
        (
            "root/.netrc",
            format!("machine a login b password {}\n", m.password()),
        ),
        (
            "root/.docker/config.json",
            format!("{{\"auths\":{{\"r\":{{\"auth\":\"{}\"}}}}}}", m.base64(30)),
        ),
        (
            "root/.aws/credentials",
            format!(
                "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                m.aws(),
                m.base64(30)
            ),
        ),
        (
            "root/.npmrc",
            format!("//r.test/:_authToken={}\n", m.word(36)),
        ),
        ("app/ci.yaml", format!("token: {}\n", m.github())),
        ("app/maps.env", format!("MAPS={}\n", m.google())),
        (
            "app/db.conf",
            format!("url = postgres://app:{}@db/x\n", m.password()),
        ),
        (
            "app/deploy.sh",
            format!(
                "#!/bin/sh\ncurl -u deploy:{} https://r.test/\n",
                m.password()
            ),
        ),
    ]
}

/// Steps of the history, and whether each shows a secret.
pub(crate) fn steps(m: &mut Maker) -> Vec<(String, bool)> {
    vec![
        (
            format!("curl -sSf -u deploy:{} https://r.test/x -o x", m.password()),
            true,
        ),
        (
            format!(
                "curl -H \"Authorization: Bearer {}\" https://r.test",
                m.word(40)
            ),
            true,
        ),
        (
            format!(
                "printf 'machine r.test login a password {}' > /root/.netrc",
                m.password()
            ),
            true,
        ),
        (
            format!(
                "echo \"machine r.test\\nlogin a\\npassword {}\" > /root/.netrc",
                m.password()
            ),
            true,
        ),
        (
            format!("docker login -u a -p {} r.test", m.password()),
            true,
        ),
        (
            format!(
                "pip install --index-url https://a:{}@r.test/simple x",
                m.password()
            ),
            true,
        ),
        (
            "curl -u \"$USER:$PASSWORD\" https://r.test".to_owned(),
            false,
        ),
        (
            "curl -H \"Authorization: Bearer ${TOKEN}\" https://r.test".to_owned(),
            false,
        ),
        (
            "adduser --disabled-password --gecos '' app".to_owned(),
            false,
        ),
        (
            "psql postgres://postgres:postgres@localhost/x".to_owned(),
            false,
        ),
        (
            "DB_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:db ./migrate".to_owned(),
            false,
        ),
    ]
}
