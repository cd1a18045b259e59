//! Memory that a compositor shows: files without a name, handed over as `wl_shm` pools.
//!
//! They are written to, not mapped: no `unsafe`, and a frame is a few megabytes at most.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{fs::MemfdFlags, io::Errno};
use wayland_client::{
    Dispatch, Proxy, QueueHandle,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_shm::{Format, WlShm},
    },
};

use super::state::State;

/// Buffers of one surface. Two take turns; the third is for compositors that give one back only
/// after they have shown the next.
const MAX_BUFFERS: usize = 3;

/// A buffer, and whether the compositor has it.
#[derive(Debug)]
struct Slot {
    buffer: WlBuffer,
    file: OwnedFd,
    size: (u32, u32),
    busy: bool,
}

/// The buffers of one surface.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    slots: Vec<Slot>,
    /// A frame was refused for want of a buffer.
    pub(super) starved: bool,
}

impl Buffers {
    /// Whether a frame of this size can be taken now. Asked before it is painted; if not, it is
    /// noted that one waits.
    pub(super) fn has_room(&mut self, size: (u32, u32)) -> bool {
        let free = |slot: &Slot| !slot.busy && slot.size == size;
        let busy = self.slots.iter().filter(|slot| slot.busy).count();
        let room = busy < MAX_BUFFERS || self.slots.iter().any(free);
        self.starved |= !room;
        room
    }

    /// Puts these pixels (ARGB, premultiplied, in the machine's byte order) into a free buffer.
    /// None when there is no memory; [`Self::has_room`] comes first.
    pub(super) fn fill(
        &mut self,
        shm: &WlShm,
        queue: &QueueHandle<State>,
        size: (u32, u32),
        pixels: &[u8],
    ) -> Option<&WlBuffer> {
        self.slots.retain(|slot| {
            let keep = slot.busy || slot.size == size;
            if !keep {
                slot.buffer.destroy();
            }
            keep
        });
        let free = self.slots.iter().position(|slot| !slot.busy);
        let index = match free {
            Some(index) => index,
            None => {
                let (buffer, file) = allocate(shm, queue, size)
                    .inspect_err(|error| tracing::error!("no memory for a frame: {error}"))
                    .ok()?;
                self.slots.push(Slot {
                    buffer,
                    file,
                    size,
                    busy: false,
                });
                self.slots.len() - 1
            }
        };
        let slot = &mut self.slots[index];
        write_all(&slot.file, pixels)
            .inspect_err(|error| tracing::error!("a frame cannot be written: {error}"))
            .ok()?;
        slot.busy = true;
        Some(&slot.buffer)
    }

    /// The compositor gave a buffer back. `true`: it was one of these, and a frame waits for it.
    pub(super) fn released(&mut self, buffer: &WlBuffer) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.buffer == *buffer) else {
            return false;
        };
        slot.busy = false;
        std::mem::take(&mut self.starved)
    }

    /// Gives all back.
    pub(super) fn destroy(&mut self) {
        for slot in self.slots.drain(..) {
            slot.buffer.destroy();
        }
    }
}

/// A buffer that shows one colour, and is never written again.
pub(super) fn flat(
    shm: &WlShm,
    queue: &QueueHandle<State>,
    size: (u32, u32),
    colour: u32,
) -> Result<WlBuffer, Errno> {
    let (buffer, file) = allocate(shm, queue, size)?;
    let row = colour.to_ne_bytes().repeat(size.0 as usize);
    for y in 0..u64::from(size.1) {
        write_at(&file, &row, y * row.len() as u64)?;
    }
    Ok(buffer)
}

/// A buffer with these pixels, as [`Buffers::fill`] takes them.
pub(super) fn filled(
    shm: &WlShm,
    queue: &QueueHandle<State>,
    size: (u32, u32),
    pixels: &[u8],
) -> Result<WlBuffer, Errno> {
    let (buffer, file) = allocate(shm, queue, size)?;
    write_all(&file, pixels)?;
    Ok(buffer)
}

fn allocate(
    shm: &WlShm,
    queue: &QueueHandle<State>,
    (width, height): (u32, u32),
) -> Result<(WlBuffer, OwnedFd), Errno> {
    let length = u64::from(width) * u64::from(height) * 4;
    let (Ok(bytes), true) = (i32::try_from(length), length > 0) else {
        return Err(Errno::INVAL);
    };
    // Sealed against shrinking, so that a compositor need not fear to read it.
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("endsession-frame", flags)?;
    rustix::fs::ftruncate(&file, length)?;
    let _ = rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::SHRINK);
    let pool = shm.create_pool(file.as_fd(), bytes, queue, ());
    let (width, height) = (width as i32, height as i32);
    let buffer = pool.create_buffer(0, width, height, width * 4, Format::Argb8888, queue, ());
    // The buffer keeps the memory.
    pool.destroy();
    Ok((buffer, file))
}

fn write_all(file: &OwnedFd, pixels: &[u8]) -> Result<(), Errno> {
    write_at(file, pixels, 0)
}

fn write_at(file: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Dispatch<WlBuffer, ()> for State {
    fn event(
        state: &mut Self,
        buffer: &WlBuffer,
        event: wl_buffer::Event,
        (): &(),
        _: &wayland_client::Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            debug_assert!(buffer.is_alive());
            state.buffer_released(buffer);
        }
    }
}
