//! Lists what runs of minifier have left on this machine, one a line. Nothing may run meanwhile.

fn main() -> anyhow::Result<()> {
    for one in minifier_tests::leftovers::of_machine()? {
        println!("{one}");
    }
    Ok(())
}
