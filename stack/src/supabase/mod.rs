//! A stand-in for Supabase's own services, behind one URL as a project has it: Data API, Auth, Realtime
//! and edge functions. Where it differs from a project, it is wrong; nothing in product code knows it.

pub mod keys;
