import {
  errorCodes,
  findCoordinatorApi,
  type FindCoordinatorResponseInput,
} from '@millrace/protocol'
import type { CoordinatedKind } from '../cluster/cluster.ts'
import { serve, type RequestContext } from './served-api.ts'

const GROUP = 0
const TRANSACTION = 1

/**
 * FindCoordinator (key 10), versions 0–6: the node that coordinates a group (type 0) or a transactional id (type 1). From v4 several keys
 * at once, in other fields.
 *
 * Not served: share groups (type 2).
 */
export const findCoordinator = serve({
  api: findCoordinatorApi,
  versions: [0, 6],
  handle: (request, context): FindCoordinatorResponseInput => {
    if (context.version < 4) return find(request.key, request.keyType, context)
    return {
      coordinators: request.coordinatorKeys.map((key) => ({
        key,
        ...find(key, request.keyType, context),
      })),
    }
  },
})

const kinds: ReadonlyMap<number, CoordinatedKind> = new Map([
  [GROUP, 'group'],
  [TRANSACTION, 'transaction'],
])

function find(key: string, keyType: number, { broker, nodes }: RequestContext) {
  const kind = kinds.get(keyType)
  if (kind === undefined) {
    const text = `This broker coordinates nothing of key type ${keyType}.`
    return refuse(errorCodes.INVALID_REQUEST, text)
  }
  const found = nodes().find(({ id }) => id === broker.cluster.coordinatorOf(kind, key))
  if (found === undefined) return refuse(errorCodes.COORDINATOR_NOT_AVAILABLE, 'No node is up.')
  const { id, host, port } = found
  return { errorCode: errorCodes.NONE, errorMessage: null, nodeId: id, host, port }
}

function refuse(errorCode: number, errorMessage: string) {
  return { errorCode, errorMessage, nodeId: -1, host: '', port: -1 }
}
