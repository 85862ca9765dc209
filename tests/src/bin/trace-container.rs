//! `trace-container ARGUMENT…`: traces what `docker create ARGUMENT…` makes, from its start to its end, and prints
//! the trace. For people who work on the tracer.

use minifier::rootfs::escape_bytes;
use minifier::trace::TraceOptions;
use minifier_tests::tracing::trace_run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (trace, output) = trace_run(TraceOptions::default(), &args).await?;
    println!(
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    for access in &trace.accesses {
        let path = |path: &Option<_>| {
            path.as_ref()
                .map_or_else(|| "?".to_owned(), ToString::to_string)
        };
        println!(
            "{:9.3} ms  {:7} {:3} {:15} {} in {} -> {} = {:?}",
            access.time.as_secs_f64() * 1e3,
            access.pid,
            access.syscall,
            format!("{:?}", access.operation),
            escape_bytes(&access.requested),
            path(&access.base),
            path(&access.resolved),
            access.result
        );
    }
    println!(
        "{:#?}\n{:?}\n{:?}\n{:?}",
        trace.processes, trace.syscalls, trace.hooks, trace.gaps
    );
    Ok(())
}
