//! A manager's and an application's connection, joined by nothing but the bytes that they exchange.

use endsession_ice::{ByteOrder, Cookie, Cookies, Wire, client, server};

/// The cookies of the simulated listener.
pub(crate) fn cookies() -> Cookies {
    Cookies {
        ice: Cookie::new(*b"the cookie (ICE)"),
        xsmp: Cookie::new(*b"the cookie(XSMP)"),
    }
}

/// Both ends of one connection.
pub(crate) struct Pair {
    pub(crate) server: server::Connection,
    pub(crate) client: client::Connection,
    /// How many bytes go over at a time.
    pub(crate) chunk: usize,
}

impl Pair {
    /// A pair of which nothing has been sent yet.
    pub(crate) fn new(server: Wire, client: Wire, previous: Option<&str>) -> Self {
        Self {
            server: server::Connection::with_wire(cookies(), "endsession", "1", server),
            client: client::Connection::with_wire(Some(cookies()), previous, client),
            chunk: usize::MAX,
        }
    }

    /// A pair as libSM would make it, up to the client's id.
    pub(crate) fn registered() -> Self {
        let mut pair = Self::new(Wire::default(), Wire::default(), None);
        pair.register("1");
        pair
    }

    /// The same, with the application sending in this way.
    pub(crate) fn registered_with(client: Wire) -> Self {
        let mut pair = Self::new(Wire::default(), client, None);
        pair.register("1");
        pair
    }

    fn register(&mut self, id: &str) {
        self.drive();
        let asked = server::Event::RegisterRequested { previous: None };
        assert_eq!(self.server.poll_event(), Some(asked));
        self.server.register(id).expect("asked for");
        self.drive();
        assert_eq!(self.client.poll_event(), Some(client::Event::Registered));
    }

    /// Carries over what either side has to say, until neither has. Errors are the other side's
    /// fault, so there must be none.
    pub(crate) fn drive(&mut self) {
        while self.step() {}
    }

    /// Carries over one chunk each way, and says whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        let up = first(self.client.output(), self.chunk);
        self.client.sent(up.len());
        self.server.handle_input(&up).expect("a good client");
        let down = first(self.server.output(), self.chunk);
        self.server.sent(down.len());
        self.client.handle_input(&down).expect("a good manager");
        !(up.is_empty() && down.is_empty())
    }

    /// All that happened at the manager's side.
    pub(crate) fn server_events(&mut self) -> Vec<server::Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// All that happened at the application's side.
    pub(crate) fn client_events(&mut self) -> Vec<client::Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }
}

fn first(bytes: &[u8], most: usize) -> Vec<u8> {
    bytes[..bytes.len().min(most)].to_vec()
}

/// Sending in this order with this opcode.
pub(crate) fn wire(order: ByteOrder, opcode: u8) -> Wire {
    Wire { order, opcode }
}
