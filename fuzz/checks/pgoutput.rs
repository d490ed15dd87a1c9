//! What holds of the decoder for any bytes; shared by the fuzz target and an ordinary test.

use sync_worker::mirror::decoder::{RowMessage, Tuple, Value, decode};

/// Decoding ends without a panic, and what comes out is no larger than what went in.
pub(crate) fn check(message: &[u8]) {
    let size = |tuple: &Tuple| -> usize {
        let values = tuple.0.iter().map(|value| match value {
            Value::Null | Value::Unchanged => 1,
            Value::Text(bytes) | Value::Binary(bytes) => 5 + bytes.len(),
        });
        values.sum()
    };
    let held = match decode(message.to_vec().into()) {
        Err(_) | Ok(RowMessage::Other | RowMessage::Begin { .. } | RowMessage::Commit { .. }) => 0,
        Ok(RowMessage::Relation(relation)) => {
            let columns = relation.columns.iter().map(|column| column.len() + 10);
            relation.schema.len() + relation.name.len() + columns.sum::<usize>()
        }
        Ok(RowMessage::Insert { new, .. }) => size(&new),
        Ok(RowMessage::Update { old, new, .. }) => old.as_ref().map_or(0, size) + size(&new),
        Ok(RowMessage::Delete { old, .. }) => size(&old),
        Ok(RowMessage::Truncate { relations }) => relations.len() * 4,
    };
    assert!(held <= message.len());
}
