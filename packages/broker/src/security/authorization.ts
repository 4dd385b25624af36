import { noAnswer, type RequestContext, type ServedApi } from '../api/served-api.ts'
import { ConnectionFault } from '../connection-fault.ts'
import type { AccessRule } from './access-rule.ts'
import { rulesOfCluster } from './rules-of-cluster.ts'
import { rulesOfGroups } from './rules-of-groups.ts'
import { rulesOfTopics } from './rules-of-topics.ts'
import { rulesOfTransactions } from './rules-of-transactions.ts'

/** What each API asks of a client, by key. A test keeps it complete; an API without a rule is refused. */
export const accessRules: ReadonlyMap<number, AccessRule> = new Map(
  [...rulesOfTopics, ...rulesOfGroups, ...rulesOfTransactions, ...rulesOfCluster].map((rule) => [
    rule.api.key,
    rule,
  ]),
)

/**
 * Handles a request as far as its client may: the handlers themselves know nothing of rights. Costs nothing without authorization. The
 * handler begins within the call, so that appends keep the order of their requests.
 * @throws ConnectionFault where there is no other way to say no
 */
export function handleAuthorized(
  served: ServedApi,
  request: unknown,
  context: RequestContext,
): unknown {
  const { access } = context.session
  if (access === undefined) return served.handle(request, context)
  const rule = accessRules.get(served.api.key)
  if (rule === undefined)
    throw new ConnectionFault(`there is no rule who may send ${served.api.name}`)
  const verdict = rule.decide(request, access, context)
  if ('answer' in verdict) return verdict.answer
  const answer = served.handle(verdict.request, verdict.context ?? context)
  const { mend } = verdict
  if (mend === undefined) return answer
  return Promise.resolve(answer).then((message) => (message === noAnswer ? message : mend(message)))
}
