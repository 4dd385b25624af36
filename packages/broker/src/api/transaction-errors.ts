import { errorCodes } from '@millrace/protocol'

/** PRODUCER_FENCED came with a later version of each transaction API (KIP-588); older clients know INVALID_PRODUCER_EPOCH. */
export function fencedBelow(sinceVersion: number, version: number, errorCode: number): number {
  return errorCode === errorCodes.PRODUCER_FENCED && version < sinceVersion
    ? errorCodes.INVALID_PRODUCER_EPOCH
    : errorCode
}
