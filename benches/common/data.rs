//! Keys, values and the order in which they are asked for. Everything follows from seeds.

/// A key of 16 bytes.
pub(crate) type Key = [u8; 16];

/// splitmix64: small, fast, good enough to shuffle with.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

/// The finaliser of splitmix64: a bijection that scatters.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// The sequence of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: mix(seed ^ 0x9E37_79B9_7F4A_7C15),
        }
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number below `bound`, evenly.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The key with this index: 16 hexadecimal digits of a scattered number, all different.
pub(crate) fn key(index: u64) -> Key {
    let mut digits = mix(index.wrapping_add(1));
    let mut key = [0; 16];
    for place in key.iter_mut().rev() {
        *place = b"0123456789abcdef"[(digits & 15) as usize];
        digits >>= 4;
    }
    key
}

/// Values cut from a pool of random bytes: incompressible, and cheap to make inside a timed loop.
#[derive(Debug)]
pub(crate) struct Values {
    pool: Vec<u8>,
    len: usize,
}

const POOL_BYTES: usize = 1 << 15;

impl Values {
    /// Values of `len` bytes.
    pub(crate) fn new(len: usize) -> Self {
        let mut random = Random::new(len as u64);
        let words = (POOL_BYTES + len).div_ceil(8);
        let pool = (0..words)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        Self { pool, len }
    }

    /// The value of key `index` after its `version`-th change.
    #[inline]
    pub(crate) fn of(&self, index: u32, version: u32) -> &[u8] {
        let at = (u64::from(index) << 32 | u64::from(version)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let at = (at >> 49) as usize;
        &self.pool[at..at + self.len]
    }
}

/// The number in the first eight bytes of a value.
#[inline]
pub(crate) fn first8(value: &[u8]) -> u64 {
    match value.first_chunk::<8>() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => panic!("a value of {} bytes", value.len()),
    }
}

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Every key as likely as any.
    Uniform,
    /// Zipf's law with exponent 0.99: at a million keys the most wanted gets 7 % of the calls.
    Zipf,
}

impl Order {
    /// Its name in commands and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "uniform" => Self::Uniform,
            "zipf" => Self::Zipf,
            other => panic!("no order {other}"),
        }
    }
}

/// A list of keys to call, made before the clock starts.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Which keys.
    pub(crate) indices: Vec<u32>,
    /// The same, spelt out.
    pub(crate) keys: Vec<Key>,
}

impl Calls {
    /// `count` calls over `keys` keys.
    pub(crate) fn new(order: Order, keys: u64, count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let zipf = (order == Order::Zipf).then(|| Zipf::new(keys));
        let mut pick = || match &zipf {
            Some(zipf) => scatter(zipf.rank(&mut random), keys),
            None => random.below(keys),
        };
        let indices: Vec<u32> = (0..count).map(|_| pick() as u32).collect();
        let keys = indices.iter().map(|&index| key(u64::from(index))).collect();
        Self { indices, keys }
    }

    /// How many calls.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }
}

/// A bijection on `0..keys` that takes neighbours apart, so that wanted keys were not inserted together.
fn scatter(rank: u64, keys: u64) -> u64 {
    let mut step = 2_654_435_761;
    while gcd(step, keys) != 1 {
        step += 2;
    }
    (u128::from(rank) * u128::from(step) % u128::from(keys)) as u64
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Ranks by Zipf's law, drawn in constant time (Gray and others, SIGMOD 1994).
#[derive(Debug)]
struct Zipf {
    keys: f64,
    alpha: f64,
    eta: f64,
    zeta: f64,
}

const THETA: f64 = 0.99;

impl Zipf {
    fn new(keys: u64) -> Self {
        let sum = |count: u64| -> f64 { (1..=count).map(|i| (i as f64).powf(-THETA)).sum() };
        let zeta = sum(keys);
        let eta = (1.0 - (2.0 / keys as f64).powf(1.0 - THETA)) / (1.0 - sum(2) / zeta);
        Self {
            keys: keys as f64,
            alpha: 1.0 / (1.0 - THETA),
            eta,
            zeta,
        }
    }

    fn rank(&self, random: &mut Random) -> u64 {
        let unit = random.unit();
        let share = unit * self.zeta;
        if share < 1.0 {
            return 0;
        }
        if share < 1.0 + 0.5_f64.powf(THETA) {
            return 1;
        }
        let rank = self.keys * (self.eta * unit - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.keys as u64 - 1)
    }
}
