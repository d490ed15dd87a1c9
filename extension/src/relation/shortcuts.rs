//! What may be done to a table's rows without planner and executor.
#![allow(unsafe_code)]

use std::ffi::c_char;

use pgrx::PgList;
use pgrx::pg_sys::{self, Oid};

use super::{Definition, MOST};
use crate::column;

/// What may be done without the executor, with the same result. The rest is left to it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shortcuts {
    pub(crate) read: bool,
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
}

impl Shortcuts {
    /// # Safety
    /// `relation` is open and has the definition's columns under these numbers.
    pub(super) unsafe fn of(
        relation: pg_sys::Relation,
        definition: &Definition,
        numbers: &[u16; MOST],
        primary_key: Oid,
    ) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let class = (*relation).rd_rel;
            let columns = Columns::of(relation, definition, numbers);
            let is_plain_heap = (*class).relkind == pg_sys::RELKIND_RELATION as c_char
                && (*class).relam == pg_sys::HEAP_TABLE_AM_OID
                && !(*class).relhassubclass
                && !columns.generated;
            if !is_plain_heap || primary_key == pg_sys::InvalidOid {
                return Self::default();
            }
            let unwatched = !(*class).relispartition && !(*class).relhasrules;
            let stores = unwatched
                && (*class).relchecks == 0
                && !columns.refuse_null
                && indexes_are_plain(relation, primary_key);
            let triggers = Triggers::of(relation);
            let keys = ForeignKeys::of(relation, definition, numbers);
            Self {
                read: true,
                insert: stores && !columns.others && !triggers.insert && keys.held,
                update: stores && !triggers.update && keys.within_key,
                delete: unwatched && !triggers.delete,
            }
        }
    }
}

/// The index of the primary key, where that is the definition's; else 0.
///
/// # Safety
/// As [`Shortcuts::of`].
pub(super) unsafe fn primary_key(
    relation: pg_sys::Relation,
    definition: &Definition,
    numbers: &[u16; MOST],
) -> Oid {
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        let oid = pg_sys::RelationGetPrimaryKeyIndex(relation, false);
        #[cfg(not(feature = "pg18"))]
        let oid = pg_sys::RelationGetPrimaryKeyIndex(relation);
        let key = numbers[..definition.key].iter().map(|n| *n as i16);
        if oid != pg_sys::InvalidOid && key.eq(key_columns(oid)) {
            oid
        } else {
            pg_sys::InvalidOid
        }
    }
}

/// # Safety
/// `index` is the oid of an index.
unsafe fn key_columns(index: Oid) -> Vec<i16> {
    // SAFETY: the caller's; indkey has as many entries as indnatts says, keys first.
    unsafe {
        let index = pg_sys::index_open(index, pg_sys::AccessShareLock as i32);
        let form = (*index).rd_index;
        let keys = (*form).indnkeyatts as usize;
        let columns = (*form).indkey.values.as_slice(keys).to_vec();
        pg_sys::index_close(index, pg_sys::AccessShareLock as i32);
        columns
    }
}

/// What there is to a table's columns besides their names and types.
struct Columns {
    /// The engine does not know all.
    others: bool,
    /// Some are computed from others.
    generated: bool,
    /// Some must not be null that the engine leaves null at times.
    refuse_null: bool,
}

impl Columns {
    /// # Safety
    /// As [`Shortcuts::of`].
    unsafe fn of(
        relation: pg_sys::Relation,
        definition: &Definition,
        numbers: &[u16; MOST],
    ) -> Self {
        // SAFETY: the caller's; only columns that there are are looked at.
        unsafe {
            let descriptor = (*relation).rd_att;
            let all = || {
                (1..=(*descriptor).natts as usize)
                    .map(|number| column::attribute(descriptor, number))
                    .filter(|attribute| !(**attribute).attisdropped)
            };
            let written = &definition.columns[..definition.written];
            let refuse_null = numbers.iter().zip(written).any(|(number, column)| {
                column.nullable && (*column::attribute(descriptor, usize::from(*number))).attnotnull
            });
            Self {
                others: all().count() != definition.written,
                generated: all().any(|attribute| (*attribute).attgenerated != 0),
                refuse_null,
            }
        }
    }
}

/// Whether every index is on plain columns of every row, and none but the primary key refuses rows.
///
/// # Safety
/// `relation` is open.
unsafe fn indexes_are_plain(relation: pg_sys::Relation, primary_key: Oid) -> bool {
    // SAFETY: the caller's; each index is closed again.
    unsafe {
        let indexes = PgList::<()>::from_pg(pg_sys::RelationGetIndexList(relation));
        indexes.iter_oid().all(|oid| {
            let index = pg_sys::index_open(oid, pg_sys::AccessShareLock as i32);
            let form = (*index).rd_index;
            let plain = (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                && (*form).indisready
                && (*form).indisvalid
                && (*form).indimmediate
                && !(*form).indisexclusion
                && (!(*form).indisunique || oid == primary_key)
                && pg_sys::RelationGetIndexExpressions(index).is_null()
                && pg_sys::RelationGetIndexPredicate(index).is_null();
            pg_sys::index_close(index, pg_sys::AccessShareLock as i32);
            plain
        })
    }
}

/// What triggers fire on. Those of foreign keys count only where a row that others refer to
/// goes: the key of a row never changes, and [`ForeignKeys`] looks at what a row refers to.
#[derive(Default)]
struct Triggers {
    insert: bool,
    update: bool,
    delete: bool,
}

impl Triggers {
    /// # Safety
    /// `relation` is open.
    unsafe fn of(relation: pg_sys::Relation) -> Self {
        let mut found = Self::default();
        // SAFETY: the caller's; the description has as many triggers as it says.
        unsafe {
            let description = (*relation).trigdesc;
            if description.is_null() {
                return found;
            }
            for index in 0..(*description).numtriggers as usize {
                let trigger = (*description).triggers.add(index);
                let fires = |event: u32| (*trigger).tgtype as u32 & event != 0;
                let role = if (*trigger).tgisinternal {
                    pg_sys::RI_FKey_trigger_type((*trigger).tgfoid) as u32
                } else {
                    pg_sys::RI_TRIGGER_NONE
                };
                let is_foreign_key = role != pg_sys::RI_TRIGGER_NONE;
                found.insert |= !is_foreign_key && fires(pg_sys::TRIGGER_TYPE_INSERT);
                found.update |= !is_foreign_key && fires(pg_sys::TRIGGER_TYPE_UPDATE);
                found.delete |= role != pg_sys::RI_TRIGGER_FK && fires(pg_sys::TRIGGER_TYPE_DELETE);
            }
        }
        found
    }
}

/// What a table's rows refer to.
struct ForeignKeys {
    /// All by columns of the primary key, which never change.
    within_key: bool,
    /// All to the row that is held by whoever inserts.
    held: bool,
}

impl ForeignKeys {
    /// # Safety
    /// As [`Shortcuts::of`].
    unsafe fn of(
        relation: pg_sys::Relation,
        definition: &Definition,
        numbers: &[u16; MOST],
    ) -> Self {
        let parent = definition.parent.and_then(Definition::kept);
        let key = &numbers[..definition.key];
        let mut all = Self {
            within_key: true,
            held: true,
        };
        // SAFETY: the caller's; the list belongs to the relation and is used before it can change.
        unsafe {
            let keys = PgList::<pg_sys::ForeignKeyCacheInfo>::from_pg(pg_sys::RelationGetFKeyList(
                relation,
            ));
            for foreign in keys.iter_ptr() {
                let foreign = &*foreign;
                let count = foreign.nkeys as usize;
                let (from, to) = (&foreign.conkey[..count], &foreign.confkey[..count]);
                let place = |number: &i16| key.iter().position(|of_key| *of_key == *number as u16);
                all.within_key &= from.iter().all(|number| place(number).is_some());
                // The keys of parent and child begin with the same columns.
                all.held &= parent.is_some_and(|parent| {
                    parent.relation == foreign.confrelid
                        && from.iter().zip(to).all(|(from, to)| {
                            place(from).is_some_and(|place| parent.numbers[place] == *to as u16)
                        })
                });
            }
        }
        all
    }
}
