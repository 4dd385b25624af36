/** Kafka: DescribeConfigsResponse.ConfigSource */
export const configSources = {
  TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const

/** Kafka: ConfigResource.Type */
export const resourceTypes = { TOPIC: 2, BROKER: 4 } as const
