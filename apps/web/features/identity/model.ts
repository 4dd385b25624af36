/** Who acts. Until sign-in exists, a demo person of the gateway. */
export interface Person {
  readonly id: string
  readonly name: string
  /** What the person is in the sample data; null when the gateway does not say. */
  readonly role: string | null
}

/** Initials for the round mark of a person. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word !== '')
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => word[0]) : [name.slice(0, 2)]
  return letters.join('').toUpperCase()
}
