import { useState } from 'react'
import { duration } from '../../lib/format.ts'
import { type ApiProblem, asProblem } from '../../lib/problem.ts'
import { useNow } from '../../lib/use-now.ts'
import { Icon } from '../../ui/icon.tsx'
import { ProblemNotice } from '../../ui/states.tsx'

/** How long the service asked to wait before the next try, ms, counted down; 0 when one may try. */
export function useTryLater(error: Error | null): number {
  const nowMs = useNow(250)
  const [seen, setSeen] = useState({ error, untilMs: 0 })
  if (seen.error !== error) {
    const facts = error === null ? null : asProblem(error).facts
    const waitMs = facts?.status === 429 ? (facts.retryAfterMs ?? 0) : 0
    // The clock of the page is behind by up to its tick: without a wait nothing is to be compared with it.
    setSeen({ error, untilMs: waitMs === 0 ? 0 : Date.now() + waitMs })
  }
  return Math.max(0, seen.untilMs - nowMs)
}

/** Why a sign-in or a registration was refused, in words; what is no refusal is shown as any other fault. */
export function SignInProblem(props: { readonly problem: ApiProblem; readonly waitMs: number }) {
  const { problem, waitMs } = props
  if (problem.facts.status === 429) return <TooManyTries problem={problem} waitMs={waitMs} />
  if (problem.facts.code !== 'MR_USERS_SIGN_IN_REFUSED') return <ProblemNotice problem={problem} />
  return (
    <div className="notice" data-tone="attention" role="alert">
      <h3>
        <Icon name="alert" /> E-mail address and password do not belong together
      </h3>
      <p>Which of the two is wrong is told to nobody. Check both, or register.</p>
    </div>
  )
}

/** The right password does not help either until the wait is over: or it would tell who guessed it. */
export function TooManyTries(props: { readonly problem: ApiProblem; readonly waitMs: number }) {
  const { problem, waitMs } = props
  return (
    <div className="notice" data-tone="attention" role="alert">
      <h3>
        <Icon name="alert" /> Too many tries
      </h3>
      <p>{problem.facts.detail ?? 'There were too many tries. Wait, then try again.'}</p>
      <p className="figure">
        {waitMs > 0
          ? `You may try again in ${duration(Math.ceil(waitMs / 1000) * 1000)}.`
          : 'You may try again now.'}
      </p>
    </div>
  )
}
