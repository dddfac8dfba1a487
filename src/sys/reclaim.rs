//! Freeing what is large on a thread of its own, so that no caller waits for it.
//!
//! One thread serves the whole process: it is started by the first large thing to free, and sleeps
//! while there is none. It must not be given anything whose `Drop` can block.

use std::sync::OnceLock;

use crossbeam::channel::{Sender, unbounded};

type Garbage = Box<dyn Send>;

/// Drops `garbage` on the reclaiming thread; on this one if there can be no such thread.
pub(crate) fn drop_elsewhere(garbage: impl Send + 'static) {
    static QUEUE: OnceLock<Option<Sender<Garbage>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let (sender, receiver) = unbounded::<Garbage>();
        let work = move || receiver.iter().for_each(drop);
        super::thread::spawn("nacre-reclaim", work, |_panic| ())
            .ok()
            .map(|_thread| sender)
    });
    if let Some(queue) = queue {
        // A closed queue hands the garbage back inside its error, which drops it here.
        drop(queue.send(Box::new(garbage)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tells(Sender<std::thread::ThreadId>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(std::thread::current().id()).unwrap();
        }
    }

    #[test]
    fn garbage_is_dropped_on_another_thread() {
        let (sender, receiver) = unbounded();
        drop_elsewhere(Tells(sender));
        assert_ne!(receiver.recv().unwrap(), std::thread::current().id());
    }
}
