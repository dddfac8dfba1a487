//! Freeing what is large on a thread of its own, so that no caller waits for it.
//!
//! One thread serves the whole process: it is started by the first large thing to free, and sleeps
//! while there is none. A forked child, which has no such thread, starts its own. It must not be given
//! anything whose `Drop` can block.

use crossbeam::channel::{Sender, unbounded};
use parking_lot::Mutex;

use super::fork::process_token;

type Garbage = Box<dyn Send>;

/// Drops `garbage` on the reclaiming thread; on this one if there can be no such thread.
pub(crate) fn drop_elsewhere(garbage: impl Send + 'static) {
    /// The process that has the thread, and the way to it.
    static QUEUE: Mutex<Option<(u64, Sender<Garbage>)>> = Mutex::new(None);
    let token = process_token();
    let mut queue = QUEUE.lock();
    if queue.as_ref().is_none_or(|(owner, _)| *owner != token) {
        let (sender, receiver) = unbounded::<Garbage>();
        let work = move || receiver.iter().for_each(drop);
        let thread = super::thread::spawn("nacre-reclaim", work, |_panic| ());
        // What a parent's thread was to free is the parent's.
        *queue = thread.ok().map(|_thread| (token, sender));
    }
    let sender = queue.as_ref().map(|(_, sender)| sender.clone());
    drop(queue);
    if let Some(sender) = sender {
        // A closed queue hands the garbage back inside its error, which drops it here.
        drop(sender.send(Box::new(garbage)));
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
