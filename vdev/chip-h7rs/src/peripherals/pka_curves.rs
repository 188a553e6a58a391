//! The curves of the PKA model, and what is computed on them, by libraries.
//!
//! Silicon takes any curve from its RAM. Arithmetic on points of any curve would be cryptography of our own; so the model knows the curves of
//! the libraries, P-256 and P-384, by every parameter that the operation gets. Parameters of no known curve are an error, where
//! silicon would compute something.

use ecdsa::{EcdsaCurve, Signature, hazmat};
use elliptic_curve::ff::PrimeField;
use elliptic_curve::group::Curve as _;
use elliptic_curve::group::Group as _;
use elliptic_curve::sec1::{FromSec1Point, ModulusSize, Sec1Point, ToSec1Point};
use elliptic_curve::{
    AffinePoint, CurveArithmetic, FieldBytes, FieldBytesSize, NonZeroScalar, ProjectivePoint, Scalar,
};
use num_bigint::BigUint;
use p256::NistP256;
use p384::NistP384;

/// Coordinates.
pub type Point = (BigUint, BigUint);

/// A curve that the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
}

/// Parameters of a curve y² = x³ + ax + b, as far as an operation gets them.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// Prime of the field.
    pub p: BigUint,
    /// |a|.
    pub a: BigUint,
    /// Whether a is negative.
    pub a_negative: bool,
    /// b.
    pub b: Option<BigUint>,
    /// Base point.
    pub g: Option<Point>,
    /// Its order.
    pub n: Option<BigUint>,
}

/// p, b, x and y of the base point, n; a is -3 for both.
const P256: [&str; 5] = [
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
];
const P384: [&str; 5] = [
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
];

impl Known {
    fn constants(self) -> [BigUint; 5] {
        let text = match self {
            Known::P256 => P256,
            Known::P384 => P384,
        };
        text.map(|digits| BigUint::parse_bytes(digits.as_bytes(), 16).unwrap_or_default())
    }

    /// The curve with these parameters.
    pub fn identify(given: &Parameters) -> Option<Known> {
        [Known::P256, Known::P384].into_iter().find(|curve| {
            let [p, b, x, y, n] = curve.constants();
            let three = BigUint::from(3_u32);
            // -3, or its residue.
            let a = if given.a_negative { given.a == three } else { given.a == &p - &three };
            a && given.p == p
                && given.b.as_ref().is_none_or(|given| *given == b)
                && given.g.as_ref().is_none_or(|given| *given == (x, y))
                && given.n.as_ref().is_none_or(|given| *given == n)
        })
    }

    /// Bits of the field and of the order.
    pub fn bits(self) -> u32 {
        match self {
            Known::P256 => 256,
            Known::P384 => 384,
        }
    }

    /// Whether (r, s) signs the digest `z` (as many bits as the order, big-endian) under the public key.
    pub fn verify(self, public: &Point, z: &[u8], r: &BigUint, s: &BigUint) -> bool {
        match self {
            Known::P256 => verify::<NistP256>(public, z, r, s),
            Known::P384 => verify::<NistP384>(public, z, r, s),
        }
    }

    /// (r, s) for the digest `z`, with the private key `d` and the nonce `k`. `None` if one of them is 0 or not below the order, or
    /// comes out as 0.
    pub fn sign(self, d: &BigUint, k: &BigUint, z: &[u8]) -> Option<Point> {
        match self {
            Known::P256 => sign::<NistP256>(d, k, z),
            Known::P384 => sign::<NistP384>(d, k, z),
        }
    }

    /// k·P. `None` if k is not below the order, P is not on the curve, or the result is the point at infinity.
    pub fn multiply(self, k: &BigUint, point: &Point) -> Option<Point> {
        match self {
            Known::P256 => multiply::<NistP256>(k, point),
            Known::P384 => multiply::<NistP384>(k, point),
        }
    }

    /// Whether a point is on the curve.
    pub fn contains(self, point: &Point) -> bool {
        match self {
            Known::P256 => affine::<NistP256>(point).is_some(),
            Known::P384 => affine::<NistP384>(point).is_some(),
        }
    }
}

/// A number as the bytes of a field element. `None` if it is too long.
fn field<C: elliptic_curve::Curve>(number: &BigUint) -> Option<FieldBytes<C>> {
    let bytes = number.to_bytes_be();
    let mut field = FieldBytes::<C>::default();
    let start = field.len().checked_sub(bytes.len())?;
    field.get_mut(start..)?.copy_from_slice(&bytes);
    Some(field)
}

fn affine<C>(point: &Point) -> Option<AffinePoint<C>>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C>,
{
    let encoded =
        Sec1Point::<C>::from_affine_coordinates(&field::<C>(&point.0)?, &field::<C>(&point.1)?, false);
    AffinePoint::<C>::from_sec1_point(&encoded).into_option()
}

fn scalar<C: CurveArithmetic>(number: &BigUint) -> Option<Scalar<C>> {
    Scalar::<C>::from_repr(field::<C>(number)?).into_option()
}

fn verify<C>(public: &Point, z: &[u8], r: &BigUint, s: &BigUint) -> bool
where
    C: EcdsaCurve + CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C>,
{
    let check = || {
        let signature = Signature::<C>::from_scalars(field::<C>(r)?, field::<C>(s)?).ok()?;
        let public = ProjectivePoint::<C>::from(affine::<C>(public)?);
        hazmat::verify_prehashed::<C>(&public, z, &signature).ok()
    };
    check().is_some()
}

fn sign<C>(d: &BigUint, k: &BigUint, z: &[u8]) -> Option<Point>
where
    C: EcdsaCurve + CurveArithmetic,
{
    let nonzero = |number| NonZeroScalar::<C>::new(scalar::<C>(number)?).into_option();
    let (signature, _) = hazmat::sign_prehashed::<C>(&nonzero(d)?, &nonzero(k)?, z).ok()?;
    let (r, s) = signature.split_bytes();
    Some((BigUint::from_bytes_be(&r), BigUint::from_bytes_be(&s)))
}

fn multiply<C>(k: &BigUint, point: &Point) -> Option<Point>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    let product = ProjectivePoint::<C>::from(affine::<C>(point)?) * scalar::<C>(k)?;
    if bool::from(product.is_identity()) {
        return None;
    }
    let encoded = product.to_affine().to_sec1_point(false);
    Some((BigUint::from_bytes_be(encoded.x()?), BigUint::from_bytes_be(encoded.y()?)))
}
