/** Ids by key, in order. */
export type History = ReadonlyMap<string, readonly string[]>

const keysToldOf = 5

/**
 * How two histories differ, in a few lines however large they are (a runner's own comparison of a million ids takes all of the memory).
 * @returns undefined when they are the same
 */
export function historyDifference(actual: History, expected: History): string | undefined {
  const lines: string[] = []
  let missing = 0
  let unknown = 0
  let repeated = 0
  let disordered = 0
  let keys = 0
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const is = actual.get(key) ?? []
    const should = expected.get(key) ?? []
    const at = should.findIndex((id, index) => is[index] !== id)
    if (at < 0 && is.length === should.length) continue
    const found = new Set(is)
    const wanted = new Set(should)
    const lost = should.filter((id) => !found.has(id))
    missing += lost.length
    unknown += [...found].filter((id) => !wanted.has(id)).length
    repeated += is.length - found.size
    if (lost.length === 0 && is.length === should.length) disordered++
    keys++
    if (lines.length >= keysToldOf) continue
    const from = at < 0 ? should.length : at
    const [isThere, shouldBeThere] = [is, should].map((ids) => ids.slice(from, from + 4).join(' '))
    lines.push(
      `${key} (${is.length} of ${should.length}): from ${from} on ${isThere || 'nothing'}, not ${shouldBeThere || 'nothing'}`,
    )
  }
  if (keys === 0) return undefined
  const sums = `${missing} missing, ${repeated} repeated, ${unknown} unknown, ${disordered} keys in another order; ${keys} of ${expected.size} keys differ`
  return [sums, ...lines].join('\n')
}
