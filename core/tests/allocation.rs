//! Scoring allocates nothing once a thread has scored a message as long.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bondhu_core::score::score;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_second_message_allocates_nothing() {
    let longest = "i can’t believe how gooood it was 😂 আমি ভালো নেই! ".repeat(170);
    let first = score(&longest);
    let before = ALLOCATIONS.get();
    assert_eq!(score(&longest), first);
    for text in [
        "",
        "i want to die",
        "so happy :)",
        "мир",
        "\u{0}\u{301}",
        "𝐰𝐚𝐧𝐭 ﷺ",
    ] {
        let _ = score(text);
    }
    assert_eq!(ALLOCATIONS.get(), before);
}
