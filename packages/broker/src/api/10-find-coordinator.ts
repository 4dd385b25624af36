import {
  errorCodes,
  findCoordinatorApi,
  type FindCoordinatorResponseInput,
} from '@millrace/protocol'
import { serve } from './served-api.ts'

const GROUP = 0
const TRANSACTION = 1

/**
 * FindCoordinator (key 10), versions 0–6: this broker coordinates every group (type 0) and transactional id (type 1). From v4 several keys
 * at once, in other fields. Transactions are refused later, by InitProducerId, where clients do not try again for ever.
 *
 * Not served: share groups (type 2).
 */
export const findCoordinator = serve({
  api: findCoordinatorApi,
  versions: [0, 6],
  handle: (request, { broker, version, advertised }): FindCoordinatorResponseInput => {
    const isKnown = request.keyType === GROUP || request.keyType === TRANSACTION
    const answer = isKnown
      ? { errorCode: errorCodes.NONE, errorMessage: null, nodeId: broker.nodeId, ...advertised }
      : {
          errorCode: errorCodes.INVALID_REQUEST,
          errorMessage: `This broker coordinates nothing of key type ${request.keyType}.`,
          nodeId: -1,
          host: '',
          port: -1,
        }
    if (version < 4) return answer
    return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...answer })) }
  },
})
