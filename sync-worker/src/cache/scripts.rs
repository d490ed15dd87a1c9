//! The scripts, one file each.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file))));
    };
}

script!(ADVANCE_STATE, "advance_state.lua");
script!(FILL, "fill.lua");
script!(LEASE, "lease.lua");
script!(SET_NEWER, "set_newer.lua");
