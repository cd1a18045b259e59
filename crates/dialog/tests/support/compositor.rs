//! A compositor that shows nothing and does what a test orders: what none of Debian's does with no
//! screen, no panel and no graphics card.

use std::{
    collections::HashMap,
    io::Write,
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use rustix::event::{PollFd, PollFlags, poll};
use wayland_protocols::{
    wp::{
        fractional_scale::v1::server::{
            wp_fractional_scale_manager_v1::{
                Request as FractionalManagerRequest, WpFractionalScaleManagerV1,
            },
            wp_fractional_scale_v1::WpFractionalScaleV1,
        },
        viewporter::server::{
            wp_viewport::{Request as ViewportRequest, WpViewport},
            wp_viewporter::{Request as ViewporterRequest, WpViewporter},
        },
    },
    xdg::shell::server::xdg_wm_base::XdgWmBase,
};
use wayland_protocols_wlr::layer_shell::v1::server::{
    zwlr_layer_shell_v1::{Request as LayerShellRequest, ZwlrLayerShellV1},
    zwlr_layer_surface_v1::ZwlrLayerSurfaceV1,
};
use wayland_server::{
    Client, DataInit, Dispatch, Display, DisplayHandle, GlobalDispatch, ListeningSocket, New,
    Resource,
    backend::{ClientData, GlobalId, ObjectId},
    protocol::{
        wl_buffer::WlBuffer,
        wl_callback::WlCallback,
        wl_compositor::{Request as CompositorRequest, WlCompositor},
        wl_keyboard::{KeyState, WlKeyboard},
        wl_output::{Mode, Subpixel, Transform, WlOutput},
        wl_pointer::WlPointer,
        wl_region::WlRegion,
        wl_seat::{Capability, Request as SeatRequest, WlSeat},
        wl_shm::{Format, Request as ShmRequest, WlShm},
        wl_shm_pool::{Request as PoolRequest, WlShmPool},
        wl_subcompositor::{Request as SubcompositorRequest, WlSubcompositor},
        wl_subsurface::WlSubsurface,
        wl_surface::{Request as SurfaceRequest, WlSurface},
        wl_touch::WlTouch,
    },
};

/// The size of every output, in logical pixels.
pub(crate) const OUTPUT: (u32, u32) = (1000, 600);

/// How often a held key repeats in a second, and after how many milliseconds.
pub(crate) const REPEAT: (i32, i32) = (50, 50);

/// What a compositor does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// A finger comes down on the newest subsurface.
    TouchDown(i32, f64, f64),
    TouchMove(i32, f64, f64),
    TouchUp(i32),
    TouchCancel,
    /// The pointer comes over the newest subsurface.
    Point(f64, f64),
    /// The newest subsurface gets the keyboard, and this key goes down.
    Hold(u32),
    /// Plugs a keyboard and a pointer in, or out: the seat has touch alone then.
    Devices(bool),
    /// Answers no frame, as behind a lock, or answers those that wait.
    Hide(bool),
    /// Changes the scale, in 120ths.
    Scale(u32),
    /// Plugs an output in.
    Plug,
    /// Takes the oldest output away, and the layer surfaces on it.
    Unplug,
}

/// A surface as its client last committed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The buffer's size in pixels.
    pub(crate) buffer: (i32, i32),
    /// The viewport's size.
    pub(crate) shown: (i32, i32),
    /// It is a subsurface.
    pub(crate) card: bool,
    /// Where it is on its parent.
    pub(crate) at: (i32, i32),
}

/// A running compositor. Dropped, it ends.
pub(crate) struct Compositor {
    orders: Option<Sender<(Order, Sender<()>)>>,
    wake: UnixStream,
    seen: Arc<Mutex<HashMap<u32, Seen>>>,
    thread: Option<std::thread::JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Compositor {
    pub(crate) fn start(scale: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = ListeningSocket::bind_absolute(dir.path().join("wayland")).unwrap();
        let (orders, received) = channel();
        let (wake, woken) = UnixStream::pair().unwrap();
        let seen = Arc::default();
        let shared = Arc::clone(&seen);
        let thread = std::thread::spawn(move || serve(socket, received, woken, shared, scale));
        Self {
            orders: Some(orders),
            wake,
            seen,
            thread: Some(thread),
            dir,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("wayland")
    }

    /// Gives an order, and waits until it is carried out.
    pub(crate) fn order(&mut self, order: Order) {
        let (done, is_done) = channel();
        self.orders.as_ref().unwrap().send((order, done)).unwrap();
        self.wake.write_all(&[0]).unwrap();
        is_done.recv().unwrap();
    }

    /// The surfaces that have something on them.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().values().copied().collect()
    }

    /// The cards among them.
    pub(crate) fn cards(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.card).collect()
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.wake.write_all(&[0]);
        let _ = self.thread.take().unwrap().join();
    }
}

#[derive(Default)]
struct Surface {
    pending: Option<(i32, i32)>,
    seen: Seen,
    frames: Vec<WlCallback>,
    entered: bool,
}

struct State {
    handle: DisplayHandle,
    scale: u32,
    hidden: bool,
    serial: u32,
    surfaces: HashMap<ObjectId, Surface>,
    /// Layer surfaces, their surfaces, the output they are on, and whether they were configured.
    layers: Vec<(ZwlrLayerSurfaceV1, WlSurface, u32, bool)>,
    outputs: Vec<(u32, GlobalId)>,
    bound: Vec<(u32, WlOutput)>,
    fractions: Vec<WpFractionalScaleV1>,
    seats: Vec<WlSeat>,
    /// A keyboard and a pointer are plugged in.
    devices: bool,
    touches: Vec<WlTouch>,
    pointers: Vec<WlPointer>,
    keyboards: Vec<WlKeyboard>,
    cards: Vec<WlSurface>,
    shared: Arc<Mutex<HashMap<u32, Seen>>>,
}

struct Nobody;

impl ClientData for Nobody {}

fn serve(
    socket: ListeningSocket,
    orders: Receiver<(Order, Sender<()>)>,
    woken: UnixStream,
    shared: Arc<Mutex<HashMap<u32, Seen>>>,
    scale: u32,
) {
    woken.set_nonblocking(true).unwrap();
    let mut display = Display::<State>::new().unwrap();
    let handle = display.handle();
    handle.create_global::<State, WlCompositor, ()>(6, ());
    handle.create_global::<State, WlSubcompositor, ()>(1, ());
    handle.create_global::<State, WlShm, ()>(1, ());
    handle.create_global::<State, WpViewporter, ()>(1, ());
    handle.create_global::<State, WpFractionalScaleManagerV1, ()>(1, ());
    handle.create_global::<State, ZwlrLayerShellV1, ()>(4, ());
    handle.create_global::<State, XdgWmBase, ()>(1, ());
    handle.create_global::<State, WlSeat, ()>(7, ());
    let mut state = State {
        handle: handle.clone(),
        scale,
        hidden: false,
        serial: 0,
        surfaces: HashMap::new(),
        layers: Vec::new(),
        outputs: Vec::new(),
        bound: Vec::new(),
        fractions: Vec::new(),
        seats: Vec::new(),
        devices: false,
        touches: Vec::new(),
        pointers: Vec::new(),
        keyboards: Vec::new(),
        cards: Vec::new(),
        shared,
    };
    state.plug();
    loop {
        display.dispatch_clients(&mut state).unwrap();
        loop {
            match orders.try_recv() {
                Ok((order, done)) => {
                    state.obey(order);
                    let _ = done.send(());
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        display.flush_clients().unwrap();
        {
            let backend = display.backend().poll_fd();
            let mut fds = [
                PollFd::new(&socket, PollFlags::IN),
                PollFd::new(&woken, PollFlags::IN),
                PollFd::from_borrowed_fd(backend.as_fd(), PollFlags::IN),
            ];
            let _ = poll(&mut fds, None);
        }
        let _ = rustix::io::read(&woken, &mut [0; 64]);
        while let Some(stream) = socket.accept().unwrap() {
            let mut handle = handle.clone();
            handle.insert_client(stream, Arc::new(Nobody)).unwrap();
        }
    }
}

impl State {
    fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn plug(&mut self) {
        let number = self.serial();
        let global = self.handle.create_global::<Self, WlOutput, u32>(4, number);
        self.outputs.push((number, global));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::TouchDown(id, x, y) => {
                let serial = self.serial();
                let card = self.cards.last().unwrap();
                for touch in &self.touches {
                    touch.down(serial, 0, card, id, x, y);
                    touch.frame();
                }
            }
            Order::TouchMove(id, x, y) => self.touches.iter().for_each(|touch| {
                touch.motion(0, id, x, y);
                touch.frame();
            }),
            Order::TouchUp(id) => {
                let serial = self.serial();
                for touch in &self.touches {
                    touch.up(serial, 0, id);
                    touch.frame();
                }
            }
            Order::TouchCancel => self.touches.iter().for_each(WlTouch::cancel),
            Order::Point(x, y) => {
                let serial = self.serial();
                let card = self.cards.last().unwrap();
                for pointer in &self.pointers {
                    pointer.enter(serial, card, x, y);
                    pointer.frame();
                }
            }
            Order::Hold(code) => {
                let serial = self.serial();
                let card = self.cards.last().unwrap();
                for keyboard in &self.keyboards {
                    keyboard.enter(serial, card, Vec::new());
                    keyboard.key(serial, 0, code, KeyState::Pressed);
                }
            }
            Order::Devices(devices) => {
                self.devices = devices;
                for seat in &self.seats {
                    seat.capabilities(self.capabilities());
                }
            }
            Order::Hide(hidden) => {
                self.hidden = hidden;
                self.answer_frames();
            }
            Order::Scale(scale) => {
                self.scale = scale;
                for fraction in &self.fractions {
                    fraction.preferred_scale(scale);
                }
            }
            Order::Plug => self.plug(),
            Order::Unplug => {
                let (number, global) = self.outputs.remove(0);
                self.layers.retain(|(layer, _, output, _)| {
                    let stays = *output != number;
                    if !stays {
                        layer.closed();
                    }
                    stays
                });
                self.handle.remove_global::<Self>(global);
                self.bound.retain(|(n, _)| *n != number);
            }
        }
    }

    fn capabilities(&self) -> Capability {
        match self.devices {
            true => Capability::Touch | Capability::Pointer | Capability::Keyboard,
            false => Capability::Touch,
        }
    }

    fn answer_frames(&mut self) {
        if self.hidden {
            return;
        }
        for surface in self.surfaces.values_mut() {
            for frame in surface.frames.drain(..) {
                frame.done(0);
            }
        }
    }

    fn commit(&mut self, wl: &WlSurface) {
        let serial = self.serial();
        let on = self
            .layers
            .iter_mut()
            .find(|(_, surface, _, _)| surface == wl);
        let mut output = self.outputs.first().map(|(number, _)| *number);
        if let Some((layer, _, number, configured)) = on {
            output = Some(*number);
            if !std::mem::replace(configured, true) {
                layer.configure(serial, OUTPUT.0, OUTPUT.1);
            }
        }
        let Some(surface) = self.surfaces.get_mut(&wl.id()) else {
            return;
        };
        if let Some(buffer) = surface.pending.take() {
            surface.seen.buffer = buffer;
            if !std::mem::replace(&mut surface.entered, true) {
                for (number, bound) in &self.bound {
                    if Some(*number) == output {
                        wl.enter(bound);
                    }
                }
            }
        }
        if surface.entered {
            let mut shared = self.shared.lock().unwrap();
            shared.insert(wl.id().protocol_id(), surface.seen);
        }
        self.answer_frames();
    }
}

/// A global whose binding needs nothing said.
macro_rules! globals {
    ($($interface:ty)*) => {$(
        impl GlobalDispatch<$interface, ()> for State {
            fn bind(
                _: &mut Self,
                _: &DisplayHandle,
                _: &Client,
                resource: New<$interface>,
                (): &(),
                init: &mut DataInit<'_, Self>,
            ) {
                init.init(resource, ());
            }
        }
    )*};
}

/// Requests that need no answer.
macro_rules! deaf {
    ($($interface:ty)*) => {$(
        impl Dispatch<$interface, ()> for State {
            fn request(
                _: &mut Self,
                _: &Client,
                _: &$interface,
                _: <$interface as Resource>::Request,
                (): &(),
                _: &DisplayHandle,
                _: &mut DataInit<'_, Self>,
            ) {
            }
        }
    )*};
}

/// Requests of one interface.
macro_rules! dispatch {
    ($interface:ty, $data:ty, |$state:ident, $resource:ident, $data_name:ident, $init:ident| { $($arms:tt)* }) => {
        impl Dispatch<$interface, $data> for State {
            fn request(
                $state: &mut Self,
                _: &Client,
                $resource: &$interface,
                request: <$interface as Resource>::Request,
                $data_name: &$data,
                _: &DisplayHandle,
                $init: &mut DataInit<'_, Self>,
            ) {
                match request { $($arms)* _ => {} }
            }
        }
    };
}

globals! { WlCompositor WlSubcompositor WpViewporter WpFractionalScaleManagerV1 ZwlrLayerShellV1 XdgWmBase }
deaf! { WlRegion WlCallback ZwlrLayerSurfaceV1 WpFractionalScaleV1 XdgWmBase WlTouch WlPointer WlKeyboard WlOutput }

impl GlobalDispatch<WlShm, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlShm>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(resource, ()).format(Format::Argb8888);
    }
}

impl GlobalDispatch<WlSeat, ()> for State {
    fn bind(
        state: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlSeat>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        let seat = init.init(resource, ());
        seat.capabilities(state.capabilities());
        state.seats.push(seat);
    }
}

impl GlobalDispatch<WlOutput, u32> for State {
    fn bind(
        state: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlOutput>,
        number: &u32,
        init: &mut DataInit<'_, Self>,
    ) {
        let output = init.init(resource, ());
        output.geometry(
            0,
            0,
            0,
            0,
            Subpixel::Unknown,
            String::new(),
            String::new(),
            Transform::Normal,
        );
        output.mode(Mode::Current, OUTPUT.0 as i32, OUTPUT.1 as i32, 60_000);
        output.scale(1);
        output.done();
        state.bound.push((*number, output));
    }
}

dispatch! { WlCompositor, (), |state, _compositor, _data, init| {
    CompositorRequest::CreateSurface { id } => {
        let surface = init.init(id, ());
        state.surfaces.insert(surface.id(), Surface::default());
    }
    CompositorRequest::CreateRegion { id } => { init.init(id, ()); }
}}

dispatch! { WlSurface, (), |state, surface, _data, init| {
    SurfaceRequest::Attach { buffer, .. } => {
        let size = buffer.as_ref().and_then(|b| b.data::<(i32, i32)>().copied());
        state.surfaces.get_mut(&surface.id()).unwrap().pending = size;
        // Copied, as it were.
        if let Some(buffer) = buffer {
            buffer.release();
        }
    }
    SurfaceRequest::Frame { callback } => {
        let callback = init.init(callback, ());
        state.surfaces.get_mut(&surface.id()).unwrap().frames.push(callback);
    }
    SurfaceRequest::Commit => state.commit(surface),
    SurfaceRequest::Destroy => {
        state.surfaces.remove(&surface.id());
        state.cards.retain(|card| card != surface);
        state.shared.lock().unwrap().remove(&surface.id().protocol_id());
    }
}}

dispatch! { WlShm, (), |_state, _shm, _data, init| {
    ShmRequest::CreatePool { id, .. } => { init.init(id, ()); }
}}

dispatch! { WlShmPool, (), |_state, _pool, _data, init| {
    PoolRequest::CreateBuffer { id, width, height, .. } => { init.init(id, (width, height)); }
}}

impl Dispatch<WlBuffer, (i32, i32)> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlBuffer,
        _: <WlBuffer as Resource>::Request,
        _: &(i32, i32),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

dispatch! { WlSubcompositor, (), |state, _subcompositor, _data, init| {
    SubcompositorRequest::GetSubsurface { id, surface, .. } => {
        state.surfaces.get_mut(&surface.id()).unwrap().seen.card = true;
        state.cards.push(surface.clone());
        init.init(id, surface);
    }
}}

dispatch! { WlSubsurface, WlSurface, |state, _subsurface, surface, _init| {
    wayland_server::protocol::wl_subsurface::Request::SetPosition { x, y } => {
        let known = state.surfaces.get_mut(&surface.id()).unwrap();
        known.seen.at = (x, y);
        if known.entered {
            state.shared.lock().unwrap().insert(surface.id().protocol_id(), known.seen);
        }
    }
}}

dispatch! { WpViewporter, (), |_state, _viewporter, _data, init| {
    ViewporterRequest::GetViewport { id, surface } => { init.init(id, surface); }
}}

dispatch! { WpViewport, WlSurface, |state, _viewport, surface, _init| {
    ViewportRequest::SetDestination { width, height } => {
        state.surfaces.get_mut(&surface.id()).unwrap().seen.shown = (width, height);
    }
}}

dispatch! { WpFractionalScaleManagerV1, (), |state, _manager, _data, init| {
    FractionalManagerRequest::GetFractionalScale { id, .. } => {
        let fraction = init.init(id, ());
        fraction.preferred_scale(state.scale);
        state.fractions.push(fraction);
    }
}}

dispatch! { ZwlrLayerShellV1, (), |state, _shell, _data, init| {
    LayerShellRequest::GetLayerSurface { id, surface, output, .. } => {
        let layer = init.init(id, ());
        let bound = output.and_then(|output| state.bound.iter().find(|(_, b)| *b == output));
        let number = bound.map(|(number, _)| *number);
        match number.or(state.outputs.first().map(|(number, _)| *number)) {
            Some(number) => state.layers.push((layer, surface, number, false)),
            None => layer.closed(),
        }
    }
}}

dispatch! { WlSeat, (), |state, _seat, _data, init| {
    SeatRequest::GetTouch { id } => { let touch = init.init(id, ()); state.touches.push(touch); }
    SeatRequest::GetPointer { id } => {
        let pointer = init.init(id, ());
        state.pointers.push(pointer);
    }
    SeatRequest::GetKeyboard { id } => {
        // Without a keymap: the kernel's numbers are all that there is.
        let keyboard = init.init(id, ());
        keyboard.repeat_info(REPEAT.0, REPEAT.1);
        state.keyboards.push(keyboard);
    }
}}
