/** An assignment strategy that a member can follow, with its opaque subscription. In the member's order of preference. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export const noAssignment = Buffer.alloc(0)

export function hasSameProtocols(
  a: readonly MemberProtocol[],
  b: readonly MemberProtocol[],
): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, index) => {
      const other = b[index]!
      return protocol.name === other.name && protocol.metadata.equals(other.metadata)
    })
  )
}
