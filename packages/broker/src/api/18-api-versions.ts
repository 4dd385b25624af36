import { apiVersionsApi, errorCodes, type ApiVersionsResponseInput } from '@millrace/protocol'
import { serve, type ServedApi } from './served-api.ts'

/**
 * ApiVersions (key 18), versions 0–4: what `registry.ts` holds. The connection answers an unknown version itself, in version 0 with error
 * 35 and the list filled (KIP-511): Java and platformatic read that and come again lower.
 *
 * The finalized feature `transaction.version` switches clients to transactions v2 (KIP-890); version ranges alone do not. What is supported is
 * told from v4 on: its minimum is 0, which crashes older Java clients (KAFKA-17011). `group.version` 1 says that consumer groups of the new
 * protocol are served (KIP-848).
 */
export const apiVersions = serve({
  api: apiVersionsApi,
  versions: [0, 4],
  handle: (request, { broker, version, served }) => {
    const isNamed =
      version < 3 ||
      (isSoftwareName(request.clientSoftwareName) && isSoftwareName(request.clientSoftwareVersion))
    return isNamed
      ? { ...listOf(served, errorCodes.NONE), ...featuresOf(version, broker.transactionVersion) }
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

function featuresOf(version: number, level: number): Partial<ApiVersionsResponseInput> {
  if (version < 3) return {}
  const features = [
    { name: 'group.version', maxVersion: 1, level: 1 },
    { name: 'transaction.version', maxVersion: 2, level },
  ]
  const supportedFeatures = features.map((row) => ({
    name: row.name,
    minVersion: 0,
    maxVersion: row.maxVersion,
  }))
  return {
    ...(version >= 4 ? { supportedFeatures } : {}),
    finalizedFeaturesEpoch: 0n,
    finalizedFeatures: features.map((row) => ({
      name: row.name,
      minVersionLevel: row.level,
      maxVersionLevel: row.level,
    })),
  }
}

/** Kafka: ApiVersionsRequest.SOFTWARE_NAME_VERSION_PATTERN */
function isSoftwareName(text: string): boolean {
  return /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/.test(text)
}
