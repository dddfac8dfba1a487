//! The digits of a double, by Loitsch's Grisu2 ("Printing floating-point numbers quickly and accurately
//! with integers", 2010), with the parameters of the Redis servers since 7.2.
//!
//! Called by `write_double`. Grisu2 always finds digits that read back as the same double, and in
//! about 99.9 % of the cases the fewest; Redis prints what it finds, so a shorter text would differ.
//!
//! Invariants:
//! 1. The scaled boundaries' binary exponent lies in `WINDOW`, so that the integer part fits in 32 bits.
//! 2. Where two cached powers would do, Redis's choice is taken: its digits can differ by one place.

/// The significands of 10^-348, 10^-340, .., 10^340, rounded to 64 bits (a test recomputes them).
pub(super) static POWERS_OF_TEN: [u64; 87] = [
    0xFA8F_D5A0_081C_0288,
    0xBAAE_E17F_A23E_BF76,
    0x8B16_FB20_3055_AC76,
    0xCF42_894A_5DCE_35EA,
    0x9A6B_B0AA_5565_3B2D,
    0xE61A_CF03_3D1A_45DF,
    0xAB70_FE17_C79A_C6CA,
    0xFF77_B1FC_BEBC_DC4F,
    0xBE56_91EF_416B_D60C,
    0x8DD0_1FAD_907F_FC3C,
    0xD351_5C28_3155_9A83,
    0x9D71_AC8F_ADA6_C9B5,
    0xEA9C_2277_23EE_8BCB,
    0xAECC_4991_4078_536D,
    0x823C_1279_5DB6_CE57,
    0xC210_9436_4DFB_5637,
    0x9096_EA6F_3848_984F,
    0xD774_85CB_2582_3AC7,
    0xA086_CFCD_97BF_97F4,
    0xEF34_0A98_172A_ACE5,
    0xB238_67FB_2A35_B28E,
    0x84C8_D4DF_D2C6_3F3B,
    0xC5DD_4427_1AD3_CDBA,
    0x936B_9FCE_BB25_C996,
    0xDBAC_6C24_7D62_A584,
    0xA3AB_6658_0D5F_DAF6,
    0xF3E2_F893_DEC3_F126,
    0xB5B5_ADA8_AAFF_80B8,
    0x8762_5F05_6C7C_4A8B,
    0xC9BC_FF60_34C1_3053,
    0x964E_858C_91BA_2655,
    0xDFF9_7724_7029_7EBD,
    0xA6DF_BD9F_B8E5_B88F,
    0xF8A9_5FCF_8874_7D94,
    0xB944_7093_8FA8_9BCF,
    0x8A08_F0F8_BF0F_156B,
    0xCDB0_2555_6531_31B6,
    0x993F_E2C6_D07B_7FAC,
    0xE45C_10C4_2A2B_3B06,
    0xAA24_2499_6973_92D3,
    0xFD87_B5F2_8300_CA0E,
    0xBCE5_0864_9211_1AEB,
    0x8CBC_CC09_6F50_88CC,
    0xD1B7_1758_E219_652C,
    0x9C40_0000_0000_0000,
    0xE8D4_A510_0000_0000,
    0xAD78_EBC5_AC62_0000,
    0x813F_3978_F894_0984,
    0xC097_CE7B_C907_15B3,
    0x8F7E_32CE_7BEA_5C70,
    0xD5D2_38A4_ABE9_8068,
    0x9F4F_2726_179A_2245,
    0xED63_A231_D4C4_FB27,
    0xB0DE_6538_8CC8_ADA8,
    0x83C7_088E_1AAB_65DB,
    0xC45D_1DF9_4271_1D9A,
    0x924D_692C_A61B_E758,
    0xDA01_EE64_1A70_8DEA,
    0xA26D_A399_9AEF_774A,
    0xF209_787B_B47D_6B85,
    0xB454_E4A1_79DD_1877,
    0x865B_8692_5B9B_C5C2,
    0xC835_53C5_C896_5D3D,
    0x952A_B45C_FA97_A0B3,
    0xDE46_9FBD_99A0_5FE3,
    0xA59B_C234_DB39_8C25,
    0xF6C6_9A72_A398_9F5C,
    0xB7DC_BF53_54E9_BECE,
    0x88FC_F317_F222_41E2,
    0xCC20_CE9B_D35C_78A5,
    0x9816_5AF3_7B21_53DF,
    0xE2A0_B5DC_971F_303A,
    0xA8D9_D153_5CE3_B396,
    0xFB9B_7CD9_A4A7_443C,
    0xBB76_4C4C_A7A4_4410,
    0x8BAB_8EEF_B640_9C1A,
    0xD01F_EF10_A657_842C,
    0x9B10_A4E5_E991_3129,
    0xE710_9BFB_A19C_0C9D,
    0xAC28_20D9_623B_F429,
    0x8044_4B5E_7AA7_CF85,
    0xBF21_E440_03AC_DD2D,
    0x8E67_9C2F_5E44_FF8F,
    0xD433_179D_9C8C_B841,
    0x9E19_DB92_B4E3_1BA9,
    0xEB96_BF6E_BADF_77D9,
    0xAF87_023B_9BF0_EE6B,
];
pub(super) const FIRST_POWER: i32 = -348;
pub(super) const POWER_STEP: i32 = 8;

/// Where the binary exponent of a scaled number must lie.
const WINDOW: std::ops::RangeInclusive<i32> = -60..=-32;

const HIDDEN_BIT: u64 = 1 << 52;

/// `significand * 2^exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    significand: u64,
    exponent: i32,
}

impl Scaled {
    fn normalized(self) -> Self {
        let shift = self.significand.leading_zeros();
        Self {
            significand: self.significand << shift,
            exponent: self.exponent - shift as i32,
        }
    }

    /// The product, its significand cut to 64 bits and rounded half up.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.significand) * u128::from(other.significand);
        Self {
            significand: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// Up to 18 decimal digits and an exponent.
#[derive(Debug, Clone)]
pub(super) struct Digits {
    bytes: [u8; 18],
    len: usize,
    /// The value is the digits, read as an integer, times 10 to this.
    pub(super) exponent: i32,
}

impl Digits {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.bytes[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that brings the number closer to the true one, which lies `target`
    /// below the upper boundary; the digits so far lie `rest` below it, and one step is `unit`.
    fn round(&mut self, width: u64, mut rest: u64, unit: u64, target: u64) {
        while rest < target
            && width - rest >= unit
            && (rest + unit < target || target - rest > rest + unit - target)
        {
            self.bytes[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

/// The digits of `magnitude`, which is positive and finite.
pub(super) fn digits(magnitude: f64) -> Digits {
    let bits = magnitude.to_bits();
    let fraction = bits & (HIDDEN_BIT - 1);
    let number = match (bits >> 52) as i32 {
        0 => Scaled {
            significand: fraction,
            exponent: -1074,
        },
        biased => Scaled {
            significand: fraction | HIDDEN_BIT,
            exponent: biased - 1075,
        },
    };
    // Half way to the neighbours; below a power of two the neighbour is twice as near.
    let upper = Scaled {
        significand: (number.significand << 1) + 1,
        exponent: number.exponent - 1,
    }
    .normalized();
    let shift = if number.significand == HIDDEN_BIT {
        2
    } else {
        1
    };
    let lower = Scaled {
        significand: ((number.significand << shift) - 1)
            << (number.exponent - shift - upper.exponent),
        exponent: upper.exponent,
    };
    let (power, decimal_exponent) = cached_power(upper.exponent);
    let number = number.normalized().times(power);
    // One unit inwards makes up for what the product may be off.
    let upper = Scaled {
        significand: upper.times(power).significand - 1,
        ..number
    };
    let lower = Scaled {
        significand: lower.times(power).significand + 1,
        ..number
    };
    generate(number, upper, lower, -decimal_exponent)
}

/// The power of ten that brings a number of this binary exponent into `WINDOW`, and its exponent.
fn cached_power(exponent: i32) -> (Scaled, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let guess = (f64::from(-(exponent + POWERS_OF_TEN.len() as i32)) * LOG10_OF_2) as i32;
    let mut index = (guess - FIRST_POWER) / POWER_STEP;
    loop {
        let decimal = FIRST_POWER + index * POWER_STEP;
        // floor(decimal * log2(10)) - 63
        let binary = ((decimal * 217_706) >> 16) - 63;
        let scaled = exponent + binary + 64;
        if scaled < *WINDOW.start() {
            index += 1;
        } else if scaled > *WINDOW.end() {
            index -= 1;
        } else {
            let significand = POWERS_OF_TEN[index as usize];
            return (
                Scaled {
                    significand,
                    exponent: binary,
                },
                decimal,
            );
        }
    }
}

/// The fewest digits of a number between `lower` and `upper`, drawn from `upper` downwards. The
/// three have one exponent, in `WINDOW`.
fn generate(number: Scaled, upper: Scaled, lower: Scaled, exponent: i32) -> Digits {
    let mut found = Digits {
        bytes: [0; 18],
        len: 0,
        exponent,
    };
    let point = upper.exponent.unsigned_abs();
    let one = 1u64 << point;
    let mut target = upper.significand - number.significand;
    let mut width = upper.significand - lower.significand;
    let mut whole = upper.significand >> point;
    let mut fraction = upper.significand & (one - 1);
    let mut unit = 1_000_000_000u64;
    for left in (0..10).rev() {
        found.push(whole / unit);
        whole %= unit;
        let rest = (whole << point) + fraction;
        if rest <= width {
            found.exponent += left;
            found.round(width, rest, unit << point, target);
            return found;
        }
        unit /= 10;
    }
    loop {
        // None of them overflows: width <= fraction < 2^60 here, and target <= width.
        fraction *= 10;
        width *= 10;
        target *= 10;
        found.exponent -= 1;
        found.push(fraction >> point);
        fraction &= one - 1;
        if fraction < width {
            found.round(width, fraction, one, target);
            return found;
        }
    }
}
