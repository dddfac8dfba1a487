//! Tests of the whole module over the simulated disk.

mod fixture;
mod life;
