/** How often a fault test runs: once, or 20 times in `npm run test:long`. Each round has its own seed, printed in the test's name. */
export function rounds(): readonly number[] {
  const first = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  const count = process.env['MILLRACE_TEST_LONG'] ? Number(process.env['MILLRACE_ROUNDS'] ?? 20) : 1
  return Array.from({ length: count }, (_, index) => first + index)
}
