//! A byte stream to a display that can never hold us up: what cannot be written yet waits here,
//! what has arrived waits here, and both have a limit.
//!
//! May touch the one Unix socket it was given. A display that is stopped (SIGSTOP, a debugger, a
//! frozen graphics driver) costs memory up to [`MAX_QUEUED`] and then its connection, no more.

use std::{
    io::{self, ErrorKind, IoSliceMut},
    mem::MaybeUninit,
    path::Path,
    time::Duration,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recv, recvmsg, send,
    sockopt::set_socket_passcred,
};
use tokio::{
    io::Interest,
    net::{UnixSocket, UnixStream},
};

/// How long a display may take to greet us and tell of its windows. A live one needs
/// milliseconds; past this it is stopped or is not a display.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Bytes that may wait to be written. Asking an X server about every one of
/// [`super::display::MAX_WINDOWS`] windows at once is 1 MiB; more than four of that means that the
/// display does not read.
const MAX_QUEUED: usize = 4 << 20;

/// Bytes taken from the socket at a time: a bound on what one turn of the loop costs.
const READ_SIZE: usize = 64 << 10;

/// The process that wrote something to a socket, as the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    /// Its pid, in our own numbering.
    pub(crate) pid: u32,
    /// Its real user.
    pub(crate) uid: u32,
}

/// A Unix socket with a buffer in each direction.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    /// None for one of another pid namespace, which has no pid here: writers are not asked for then.
    listener: Option<u32>,
    writer: Option<Writer>,
    input: Vec<u8>,
    /// How much of `input` was taken: the rest moves to the front once a read, not once a packet.
    taken: usize,
    output: Vec<u8>,
    overfull: bool,
}

impl Link {
    /// Connects to the socket at this path.
    pub(crate) async fn connect(path: &Path) -> io::Result<Self> {
        let socket = UnixSocket::new_stream()?;
        // Before connecting, so that nothing can be written to us without its writer's name.
        set_socket_passcred(&socket, true)?;
        let stream = socket.connect(path).await?;
        let listener = stream.peer_cred()?.pid();
        let listener = listener.and_then(|pid| u32::try_from(pid).ok());
        Ok(Self {
            listener: listener.filter(|pid| *pid > 0),
            writer: None,
            stream,
            input: Vec::new(),
            taken: 0,
            output: Vec::new(),
            overfull: false,
        })
    }

    /// What has arrived and was not taken yet.
    pub(crate) fn input(&self) -> &[u8] {
        &self.input[self.taken..]
    }

    /// Who called listen(2) on this socket; that need not be who answers.
    pub(crate) fn listener(&self) -> Option<u32> {
        self.listener
    }

    /// Who wrote what arrived last (unix(7), `SCM_CREDENTIALS`). `SO_PEERCRED` names whoever called
    /// listen(2), which may be a wrapper that passed the socket on, or `systemd --user`.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.writer
    }

    /// Takes the first `count` bytes of [`Self::input`].
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.input.len().min(self.taken + count);
        let bytes = self.input[self.taken..end].to_vec();
        self.taken = end;
        bytes
    }

    /// Sends these bytes: now as far as the socket takes them, the rest when it does.
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        if self.output.len() + bytes.len() > MAX_QUEUED {
            self.overfull = true;
        } else {
            self.output.extend_from_slice(bytes);
        }
    }

    /// Gives the connection up: the next turn reports it as broken.
    pub(crate) fn give_up(&mut self) {
        self.overfull = true;
    }

    /// Waits until something more has arrived, writing meanwhile what the socket takes.
    /// Cancel-safe.
    pub(crate) async fn arrival(&mut self) -> io::Result<()> {
        loop {
            if self.turn()? {
                return Ok(());
            }
            let interest = if self.output.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            self.stream.ready(interest).await?;
        }
    }

    /// Reads and writes what goes without waiting. `true`: something more has arrived.
    pub(crate) fn turn(&mut self) -> io::Result<bool> {
        if self.overfull {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "it does not read what it is sent",
            ));
        }
        // Reading comes first: a peer that threw us out may have said why before it hung up.
        let arrived = self.read()?;
        match self.flush() {
            Err(error) if !arrived => Err(error),
            _ => Ok(arrived),
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        self.input.drain(..std::mem::take(&mut self.taken));
        let filled = self.input.len();
        self.input.resize(filled + READ_SIZE, 0);
        let room = &mut self.input[filled..];
        let result = if self.listener.is_some() {
            let receive = || receive(&self.stream, room, &mut self.writer);
            self.stream.try_io(Interest::READABLE, receive)
        } else {
            self.stream.try_read(room)
        };
        self.input.truncate(filled + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "it closed the connection",
            )),
            Ok(_) => Ok(true),
            Err(error) if is_temporary(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes what the socket takes now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match try_send(&self.stream, &self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if is_temporary(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads what has arrived, and who wrote it: the kernel never mixes the bytes of two writers.
fn receive(stream: &UnixStream, room: &mut [u8], writer: &mut Option<Writer>) -> io::Result<usize> {
    // The end of a connection has no writer, and the kernel calls that one 0, which is no pid.
    let peek = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    if recv(stream, &mut [0_u8; 1][..], peek)?.0 == 0 {
        return Ok(0);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut about = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(stream, &mut [IoSliceMut::new(room)], &mut about, flags)?;
    *writer = about.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(who) => Some(Writer {
            pid: u32::try_from(who.pid.as_raw_nonzero().get()).ok()?,
            uid: who.uid.as_raw(),
        }),
        _ => None,
    });
    Ok(message.bytes)
}

/// Writes as much as a socket takes now. Not `try_write`: a broken socket must not raise SIGPIPE,
/// whatever the process has made of that signal.
pub(super) fn try_send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    stream.try_io(Interest::WRITABLE, || {
        Ok(send(
            stream,
            bytes,
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        )?)
    })
}

/// Whether the same can be tried again later.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_peer_that_never_reads_costs_a_bounded_queue_and_no_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("display");
        let _deaf = UnixListener::bind(&path).unwrap();
        let mut link = Link::connect(&path).await.unwrap();
        let mut turns = 0;
        while link.turn().is_ok() {
            link.queue(&[0; 60_000]);
            turns += 1;
            assert!(turns < 1000, "the queue has no end");
        }
        assert!(link.output.len() <= MAX_QUEUED);
        assert_eq!(
            link.arrival().await.unwrap_err().kind(),
            ErrorKind::TimedOut
        );
    }
}
