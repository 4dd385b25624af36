import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int64, string, structs } from '../schema/fields.ts'

/**
 * ApiVersions (key 18), versions 0–4: which APIs and versions a broker speaks; the first request of a connection.
 * An unknown version is answered in version 0 with UNSUPPORTED_VERSION and the list filled (KIP-511). The response
 * header never has tags, whatever the version, because the client cannot know yet.
 *
 * - 1: throttle time. 3: flexible; client software name and version (KIP-511), features as tags (KIP-584).
 * - 4: a supported feature may begin at 0 (KAFKA-17011); leave such features out below.
 */
export const apiVersionsApi = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    clientSoftwareName: string({ since: 3, ignorable: true }),
    clientSoftwareVersion: string({ since: 3, ignorable: true }),
  },
  response: {
    errorCode: int16(),
    apiKeys: structs({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    supportedFeatures: structs(
      {
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      },
      { since: 3, tag: 0, ignorable: true },
    ),
    finalizedFeaturesEpoch: int64({ since: 3, tag: 1, default: -1n, ignorable: true }),
    finalizedFeatures: structs(
      {
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      },
      { since: 3, tag: 2, ignorable: true },
    ),
    zkMigrationReady: bool({ since: 3, tag: 3, ignorable: true }),
  },
})

export type ApiVersionsRequest = RequestOf<typeof apiVersionsApi>
export type ApiVersionsRequestInput = RequestInputOf<typeof apiVersionsApi>
export type ApiVersionsResponse = ResponseOf<typeof apiVersionsApi>
export type ApiVersionsResponseInput = ResponseInputOf<typeof apiVersionsApi>
