//! Named background threads that report a panic instead of swallowing it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

/// Starts a named thread. If `work` panics, `on_panic` runs with the panic's text; the thread then
/// ends in order, so that joining it never panics.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
    on_panic: impl FnOnce(String) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            on_panic(panic_text(panic.as_ref()));
        }
    })
}

/// What a panic said, as far as it is text.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported_and_the_join_succeeds() {
        let (sender, receiver) = crossbeam::channel::bounded(1);
        let handle = spawn(
            "test",
            || panic!("boom"),
            move |text| sender.send(text).unwrap(),
        );
        assert!(handle.unwrap().join().is_ok());
        assert_eq!(receiver.recv().unwrap(), "boom");
    }
}
