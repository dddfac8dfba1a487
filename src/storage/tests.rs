//! Tests of the whole module over the simulated disk.

mod crash;
mod damage;
mod failure;
mod fixture;
mod golden;
mod life;
mod load;
mod speed;
