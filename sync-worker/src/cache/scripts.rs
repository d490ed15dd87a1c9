//! The scripts, one file each; those that compare versions share what a version is.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($name:ident, $($file:literal)+) => {
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file))),+)));
    };
}

script!(ADVANCE_STATE, "advance_state.lua");
script!(COUNT, "count.lua");
script!(FILL, "versions.lua" "fill.lua");
script!(LEASE, "lease.lua");
script!(HELD, "held.lua");
script!(SET_NEWER, "versions.lua" "set_newer.lua");
script!(TEXTS, "texts.lua");
