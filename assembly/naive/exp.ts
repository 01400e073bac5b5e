/** e^x in float64: x = n ln 2 + r, the Taylor series of e^r, and n doublings or halvings. */
export function naiveExp(x: f64): f64 {
  if (x < -700) return 0;
  const n = nearest<f64>(x / 0.6931471805599453);
  // ln 2 in two parts, the first short enough for n times it to be exact
  const r = x - n * 0.6931471803691238 - n * 1.9082149292705877e-10;
  let term: f64 = 1;
  let sum: f64 = 1;
  for (let i = 1; i < 24; i++) {
    term *= r / <f64>i;
    sum += term;
  }
  for (let i = 0; i < <i32>n; i++) sum *= 2;
  for (let i = 0; i > <i32>n; i--) sum *= 0.5;
  return sum;
}

/** 1 / (1 + e^-x) in float64. */
export function naiveSigmoid(x: f64): f64 {
  return 1 / (1 + naiveExp(-x));
}
