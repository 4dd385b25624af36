/** When a key was made, ms since the epoch. */
export interface DatedKey {
  readonly createdAtMs: number
}

export interface KeyPeriods {
  /** A key is replaced when it is this old, ms. */
  readonly rotateAfterMs: number
  /** A new key is published this long before it signs, ms, so that whoever keeps a copy of the JWKS has it by then. */
  readonly publishAheadMs: number
  /** A key is published this long after it signed last, ms: longer than what it signed is good. */
  readonly keepMs: number
}

/** True when a new key is to be made. @param keys newest first */
export function isKeyDue(keys: readonly DatedKey[], nowMs: number, periods: KeyPeriods): boolean {
  const [newest] = keys
  return newest === undefined || newest.createdAtMs + periods.rotateAfterMs <= nowMs
}

/** The key that signs: the newest that has been published for long enough; the very first signs at once. @param keys newest first */
export function signingKeyAt<Key extends DatedKey>(
  keys: readonly Key[],
  nowMs: number,
  { publishAheadMs }: KeyPeriods,
): Key | undefined {
  return keys.find((key) => key.createdAtMs + publishAheadMs <= nowMs) ?? keys.at(-1)
}

/** Keys whose tokens may still be good, and those that will sign next. @param keys newest first */
export function publishedKeysAt<Key extends DatedKey>(
  keys: readonly Key[],
  nowMs: number,
  { publishAheadMs, keepMs }: KeyPeriods,
): readonly Key[] {
  return keys.filter((_, index) => {
    const successor = keys[index - 1]
    return successor === undefined || nowMs < successor.createdAtMs + publishAheadMs + keepMs
  })
}
