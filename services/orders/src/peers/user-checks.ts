import { Gathering, type Clock } from '@millrace/core'
import type { Queryable } from '@millrace/postgres'
import type { IdentityHeaders } from '@millrace/runtime'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { findKnownUser } from '../sql/find-known-user.ts'
import type { Asking } from './peer.ts'

/** Whether somebody may order, and who said so. */
export type UserVerdict = 'checked' | 'projected' | 'unknown' | 'cannot-tell'

export interface UserToCheck {
  readonly userId: string
  /** What came of identity with their request: users tells nobody of somebody else. */
  readonly identity: IdentityHeaders
  /** Of their request; those of the first go with a look-up for many. */
  readonly journey: Readonly<Record<string, string>>
}

type Asked = UserToCheck & { readonly askedMs: number }
/** Undefined: users did not say. */
type Answered = 'known' | 'unknown' | undefined

/** As many as users takes. */
const maxCallers = 200
const maxUnderWay = 2

const answerShape = Compile(
  Type.Object({
    callers: Type.Array(
      Type.Union([Type.Literal('known'), Type.Literal('unknown'), Type.Literal('refused')]),
    ),
  }),
)

/** Asks users for those who order at about the same time, by one request. */
export class UserChecks {
  readonly #users: Asking
  readonly #database: Queryable
  readonly #clock: Clock
  readonly #lookUps: Gathering<Asked, Answered>

  constructor(users: Asking, database: Queryable, clock: Clock) {
    this.#users = users
    this.#database = database
    this.#clock = clock
    this.#lookUps = new Gathering({
      run: (asked) => this.#lookUp(asked),
      maxUnderWay,
      maxWeight: maxCallers,
    })
  }

  /**
   * What users say; where they do not answer, what their events have said before. `cannot-tell`: neither knows. An answer that is no yes or no (a
   * refusal to tell, say) counts as none.
   */
  async check(user: UserToCheck): Promise<UserVerdict> {
    const answered = await this.#lookUps.ask({ ...user, askedMs: this.#clock.monotonicMs() })
    if (answered) return answered === 'known' ? 'checked' : 'unknown'
    const known = await findKnownUser(this.#database, user.userId)
    if (!known) return 'cannot-tell'
    return known.isDeleted ? 'unknown' : 'projected'
  }

  async #lookUp(asked: readonly Asked[]): Promise<readonly Answered[]> {
    const [oldest] = asked
    const answer = await this.#users.ask({
      path: '/api/users/known',
      headers: oldest?.journey ?? {},
      body: { callers: asked.map(({ identity }) => identity) },
      askedMs: oldest?.askedMs,
    })
    if (answer?.status !== 200 || !answerShape.Check(answer.body)) return asked.map(() => undefined)
    const { callers } = answer.body
    return asked.map((_, index) => {
      const said = callers[index]
      return said === 'refused' ? undefined : said
    })
  }
}
