//! A short conversation with a compositor over one of its Unix sockets, with a limit on everything.
//!
//! May touch the one socket it was given. Who answers is known from the kernel, not from the
//! socket's name: see [`Link::writer`].

use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::link::{CONNECT_LIMIT, Link, Writer};

/// The longest answer taken. A list of [`super::display::MAX_WINDOWS`] windows with long titles is about
/// 6 MiB; twice that is none.
pub(crate) const MAX_ANSWER: usize = 12 << 20;

/// Why a conversation came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TalkError {
    /// The socket could not be reached or broke.
    #[error("{what}: {source}")]
    Io {
        /// With whom.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// It said nothing, or not all of it, within 3 s.
    #[error("{what} does not answer within {} s", CONNECT_LIMIT.as_secs())]
    Silent {
        /// Who.
        what: String,
    },
    /// Its answer is none of the protocol.
    #[error("{what} makes no sense: {why}")]
    Malformed {
        /// Who.
        what: String,
        /// What was wrong.
        why: String,
    },
    /// It was understood, and refused.
    #[error("{what} refuses: {why}")]
    Refused {
        /// Who.
        what: String,
        /// Its own words.
        why: String,
    },
    /// Another process answers than the one that was found.
    #[error("{what} is answered by another process than the one that shows this session")]
    Stranger {
        /// Which socket.
        what: String,
    },
}

impl TalkError {
    /// It hung up: what one that was told to exit may well do before it answers.
    pub(crate) fn is_hang_up(&self) -> bool {
        let kinds = [
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
        ];
        matches!(self, Self::Io { source, .. } if kinds.contains(&source.kind()))
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Talk {
    what: String,
    link: Link,
}

impl Talk {
    /// Connects to a socket. `whose`: how errors call it, as in "sway's IPC".
    pub(crate) async fn with(whose: &str, socket: &Path) -> Result<Self, TalkError> {
        let what = format!("{whose} at {}", socket.display());
        match Link::connect(socket).await {
            Ok(link) => Ok(Self { what, link }),
            Err(source) => Err(TalkError::Io { what, source }),
        }
    }

    /// Says something, without waiting for an answer.
    pub(crate) fn say(&mut self, words: &[u8]) {
        self.link.queue(words);
    }

    /// Waits for an answer. `length` tells from what has arrived how long the answer is, `None` as
    /// long as that cannot be said.
    pub(crate) async fn hear(
        &mut self,
        length: impl Fn(&[u8]) -> Result<Option<usize>, String>,
    ) -> Result<Vec<u8>, TalkError> {
        loop {
            let known = length(self.link.input());
            match known.map_err(|why| self.malformed(why))? {
                Some(length) if length > MAX_ANSWER => {
                    let why =
                        format!("an answer of {length} bytes; at most {MAX_ANSWER} are taken");
                    return Err(self.malformed(why));
                }
                Some(length) if length <= self.link.input().len() => {
                    return Ok(self.link.take(length));
                }
                _ if self.link.input().len() > MAX_ANSWER => {
                    return Err(self.malformed("an answer without end".to_owned()));
                }
                _ => {}
            }
            let arrival = self.link.arrival().await;
            arrival.map_err(|source| self.broken(source))?;
        }
    }

    /// A line, with its end. Cancel-safe.
    pub(crate) async fn hear_line(&mut self) -> Result<Vec<u8>, TalkError> {
        self.hear(line_length).await
    }

    /// A line that has already arrived.
    pub(crate) fn try_line(&mut self) -> Option<Result<Vec<u8>, TalkError>> {
        loop {
            if let Ok(Some(length)) = line_length(self.link.input()) {
                return Some(Ok(self.link.take(length)));
            }
            match self.link.turn() {
                Ok(true) if self.link.input().len() > MAX_ANSWER => {
                    return Some(Err(self.malformed("a line without end".to_owned())));
                }
                Ok(true) => {}
                Ok(false) => return None,
                Err(source) => return Some(Err(self.broken(source))),
            }
        }
    }

    /// Everything that it says until it hangs up, where the protocol has no other end.
    pub(crate) async fn hear_out(&mut self) -> Result<Vec<u8>, TalkError> {
        match self.hear(|_| Ok(None)).await {
            Err(error) if error.is_hang_up() => Ok(self.link.take(MAX_ANSWER)),
            Err(error) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }

    /// Who wrote what was heard last.
    pub(crate) fn writer(&self) -> Option<Writer> {
        self.link.writer()
    }

    /// What was heard is no answer.
    pub(crate) fn malformed(&self, why: String) -> TalkError {
        let what = self.what.clone();
        TalkError::Malformed { what, why }
    }

    /// What was heard is a no.
    pub(crate) fn refused(&self, why: String) -> TalkError {
        let what = self.what.clone();
        TalkError::Refused { what, why }
    }

    /// Somebody else answered.
    pub(crate) fn stranger(&self) -> TalkError {
        let what = self.what.clone();
        TalkError::Stranger { what }
    }

    fn broken(&self, source: io::Error) -> TalkError {
        let what = self.what.clone();
        TalkError::Io { what, source }
    }
}

fn line_length(input: &[u8]) -> Result<Option<usize>, String> {
    let end = input.iter().position(|byte| *byte == b'\n');
    Ok(end.map(|at| at + 1))
}

/// Puts the one limit on a whole conversation.
pub(crate) async fn limited<T, E: From<TalkError>>(
    what: impl FnOnce() -> String,
    conversation: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let limited = tokio::time::timeout(CONNECT_LIMIT, conversation).await;
    limited.unwrap_or_else(|_| Err(TalkError::Silent { what: what() }.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn four(input: &[u8]) -> Result<Option<usize>, String> {
        Ok((input.len() >= 4).then_some(4))
    }

    /// Somebody who takes one connection, writes this and hangs up.
    fn peer(words: &'static [u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // One that is hung up on meanwhile has said enough.
            let _gone = stream.write_all(words);
        });
        (dir, path)
    }

    #[tokio::test]
    async fn an_answer_is_taken_with_its_writer_and_the_rest_is_left() {
        let (_dir, path) = peer(b"abcdefgh");
        let mut talk = Talk::with("it", &path).await.unwrap();
        assert_eq!(talk.writer(), None);
        assert_eq!(talk.hear(four).await.unwrap(), b"abcd");
        assert_eq!(talk.writer().unwrap().pid, std::process::id());
        assert_eq!(talk.hear_out().await.unwrap(), b"efgh");
        let error = talk.hear(four).await.unwrap_err();
        assert!(error.is_hang_up(), "{error}");
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let (_dir, path) = peer(&[b'x'; MAX_ANSWER + (128 << 10)]);
        let mut talk = Talk::with("it", &path).await.unwrap();
        let error = talk.hear_out().await.unwrap_err();
        assert!(matches!(error, TalkError::Malformed { .. }), "{error}");
        let error = talk.hear(|_| Ok(Some(usize::MAX))).await.unwrap_err();
        assert!(matches!(error, TalkError::Malformed { .. }), "{error}");
    }

    #[tokio::test]
    async fn nobody_at_a_socket_is_named_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stale");
        drop(UnixListener::bind(&path).unwrap());
        let error = Talk::with("sway's IPC", &path).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("sway's IPC at /") && text.contains("stale"),
            "{text}"
        );
    }
}
