//! Tests of the whole module over the simulated disk.

mod crash;
mod damage;
mod failure;
mod fixture;
mod life;
mod load;
mod speed;
