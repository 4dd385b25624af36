import type { Api, RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { RequestContext } from '../api/served-api.ts'
import type { Access } from './access.ts'

/**
 * What becomes of a request: refused as a whole with this answer, or handled as far as it is allowed, after which `mend` puts in what was
 * refused, or takes out what the client may not see.
 */
export type Verdict<Request, Response> =
  | { readonly answer: Response }
  | {
      readonly request: Request
      readonly context?: RequestContext
      readonly mend?: ((answer: Response) => Response) | undefined
    }

/** What a client must be allowed to do for one API, and how the API says no. */
export interface AccessRule {
  readonly api: Api
  decide(request: unknown, access: Access, context: RequestContext): Verdict<unknown, unknown>
}

/** Declares a rule with the types of its API's messages. */
export function rule<A extends Api>(
  api: A,
  decide: (
    request: RequestOf<A>,
    access: Access,
    context: RequestContext,
  ) => Verdict<RequestOf<A>, ResponseInputOf<A>>,
): AccessRule {
  return {
    api,
    decide: (request, access, context) =>
      decide(request as RequestOf<A>, access, context) as Verdict<unknown, unknown>,
  }
}

/** Everyone may. */
export function free(api: Api): AccessRule {
  return { api, decide: (request) => ({ request }) }
}

/** Splits a list into what is allowed and what is not. */
export function split<T>(
  all: readonly T[],
  isAllowed: (one: T) => boolean,
): { readonly allowed: readonly T[]; readonly denied: readonly T[] } {
  const { allowed = [], denied = [] } = Object.groupBy(all, (one) =>
    isAllowed(one) ? 'allowed' : 'denied',
  )
  return { allowed, denied }
}
