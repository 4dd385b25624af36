import type { MemberProtocol } from './member-protocol.ts'

interface Voter {
  readonly protocols: readonly MemberProtocol[]
}

/** Whether some of `protocols` is known to every member. */
export function isSupportedByAll(
  protocols: readonly MemberProtocol[],
  members: Iterable<Voter>,
): boolean {
  const others = [...members]
  return protocols.some(({ name }) => others.every((member) => knows(member, name)))
}

/** Every member votes for the first of its strategies that all know; most votes win. Null without members. */
export function electProtocol(members: Iterable<Voter>): string | null {
  const voters = [...members]
  const votes = new Map<string, number>()
  for (const voter of voters) {
    const choice = voter.protocols.find(({ name }) => voters.every((other) => knows(other, name)))
    if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
  }
  let elected: string | null = null
  for (const [name, count] of votes)
    if (elected === null || count > (votes.get(elected) ?? 0)) elected = name
  return elected
}

function knows(member: Voter, name: string): boolean {
  return member.protocols.some((protocol) => protocol.name === name)
}
