//! Tests of the whole module over the simulated disk.

mod crash;
mod damage;
mod docs;
mod failure;
mod fixture;
mod golden;
mod life;
mod load;
mod speed;
