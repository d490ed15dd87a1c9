//! What the operator allows a listener to take on.

use std::time::Duration;

/// Bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; whoever comes after them waits for one to end. One address has a
    /// quarter of them; more of its connections are closed at once.
    pub connections: u32,
    /// A request's head has to arrive within this time, and each part of its body. A connection
    /// on which nothing is asked for so long is closed.
    pub reading: Duration,
}
