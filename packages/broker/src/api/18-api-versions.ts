import { apiVersionsApi, errorCodes, type ApiVersionsResponseInput } from '@millrace/protocol'
import { serve, type ServedApi } from './served-api.ts'

/**
 * ApiVersions (key 18), versions 0–4: what `registry.ts` holds. The connection answers an unknown version itself, in version 0 with error
 * 35 and the list filled (KIP-511): Java and platformatic read that and come again lower.
 *
 * No features are told of: `transaction.version` would switch clients to transactions v2, and features with minimum 0 crash older Java
 * clients (KAFKA-17011).
 */
export const apiVersions = serve({
  api: apiVersionsApi,
  versions: [0, 4],
  handle: (request, { version, served }) => {
    const isNamed =
      version < 3 ||
      (isSoftwareName(request.clientSoftwareName) && isSoftwareName(request.clientSoftwareVersion))
    return isNamed
      ? listOf(served, errorCodes.NONE)
      : { errorCode: errorCodes.INVALID_REQUEST, apiKeys: [] }
  },
})

/** The answer to a version that nobody here knows; write it as version 0. */
export function unsupportedApiVersions(served: Iterable<ServedApi>): ApiVersionsResponseInput {
  return listOf(served, errorCodes.UNSUPPORTED_VERSION)
}

function listOf(served: Iterable<ServedApi>, errorCode: number): ApiVersionsResponseInput {
  return {
    errorCode,
    apiKeys: [...served].map(({ api, advertised: [minVersion, maxVersion] }) => ({
      apiKey: api.key,
      minVersion,
      maxVersion,
    })),
  }
}

/** Kafka: ApiVersionsRequest.SOFTWARE_NAME_VERSION_PATTERN */
function isSoftwareName(text: string): boolean {
  return /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/.test(text)
}
