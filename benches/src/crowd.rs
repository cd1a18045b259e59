//! Many Unix sockets, all driven by this thread: what applications do at the same time on one
//! machine, without the cost of waking each of them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::event::epoll;

/// One end of a conversation, without its socket.
pub(crate) trait Talk {
    /// Takes what came.
    fn heard(&mut self, bytes: &[u8]);
    /// What is to be sent.
    fn output(&self) -> &[u8];
    /// Forgets the first `n` bytes of the output.
    fn sent(&mut self, n: usize);
    /// Whether what it waits for has come. Each is counted once.
    fn is_done(&self) -> bool;
}

/// Conversations and their sockets. Dropping them hangs up.
#[derive(Debug)]
pub(crate) struct Crowd<T> {
    epoll: std::os::fd::OwnedFd,
    each: Vec<(UnixStream, T)>,
}

impl<T: Talk> Crowd<T> {
    /// Nobody yet.
    ///
    /// # Errors
    /// What the system says against it.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            each: Vec::new(),
        })
    }

    /// One more; what it has to say is sent.
    ///
    /// # Errors
    /// What the system says against it.
    pub(crate) fn add(&mut self, stream: UnixStream, talk: T) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(self.each.len() as u64);
        epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
        self.each.push((stream, talk));
        self.tell(self.each.len() - 1)
    }

    /// Every conversation.
    pub(crate) fn each(&mut self) -> impl ExactSizeIterator<Item = &mut T> {
        self.each.iter_mut().map(|(_, talk)| talk)
    }

    /// Has one of them say something.
    ///
    /// # Errors
    /// What the system says against it.
    pub(crate) fn with(&mut self, n: usize, order: impl FnOnce(&mut T)) -> io::Result<()> {
        order(&mut self.each[n].1);
        self.tell(n)
    }

    /// Lets them talk until all are done.
    ///
    /// # Errors
    /// When one has lost its connection before.
    pub(crate) fn until_done(&mut self) -> io::Result<()> {
        let mut waiting = self.each.iter().filter(|(_, t)| !t.is_done()).count();
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
        while waiting > 0 {
            ready.clear();
            let room = rustix::buffer::spare_capacity(&mut ready);
            epoll::wait(&self.epoll, room, None)?;
            for event in &ready {
                let n = usize::try_from(event.data.u64()).unwrap_or_default();
                let was_done = self.each[n].1.is_done();
                self.listen(n)?;
                waiting -= usize::from(!was_done && self.each[n].1.is_done());
            }
        }
        Ok(())
    }

    fn listen(&mut self, n: usize) -> io::Result<()> {
        let (stream, talk) = &mut self.each[n];
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) if !talk.is_done() => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(0) => epoll::delete(&self.epoll, &*stream)?,
            Ok(count) => talk.heard(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // The other side has gone, with words of ours unread.
            Err(_) if talk.is_done() => epoll::delete(&self.epoll, &*stream)?,
            Err(error) => return Err(error),
        }
        self.tell(n)
    }

    /// What is said here always fits into a socket.
    fn tell(&mut self, n: usize) -> io::Result<()> {
        let (stream, talk) = &mut self.each[n];
        let length = talk.output().len();
        if length == 0 {
            return Ok(());
        }
        match stream.write_all(talk.output()) {
            Err(error) if !talk.is_done() => return Err(error),
            _ => talk.sent(length),
        }
        Ok(())
    }
}
