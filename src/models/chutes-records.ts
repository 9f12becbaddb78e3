import {z} from 'zod'

/** Answers of the Chutes API, as far as they are used; unknown keys are let through, for the API grows. */

const text = z.string().max(4096)

export const ChuteRecord = z.object({
  chute_id: z.guid(),
  name: text.nullish(),
  version: text.nullish(),
  slug: text.nullish(),
  revision: z.string().max(64).nullish(),
  public: z.boolean().nullish(),
  disabled: z.boolean().nullish(),
  hot: z.boolean().nullish(),
  instances: z
    .array(z.object({active: z.boolean().nullish(), verified: z.boolean().nullish()}))
    .nullish()
    .catch(null),
  image: z
    .object({
      image_id: text.nullish(),
      name: text.nullish(),
      tag: text.nullish(),
      user: z.object({username: text.nullish()}).nullish(),
    })
    .nullish()
    .catch(null),
})
export type ChuteRecord = z.infer<typeof ChuteRecord>

export const WarmRecord = z.object({
  status: z.string().max(64),
  instance_count: z.number().int().min(0).nullish().catch(null),
})

export const AccountRecord = z.object({
  username: z.string().min(1).max(64),
  user_id: text,
  balance: z.number().nullish().catch(null),
  payment_address: text.nullish().catch(null),
})

export const ImageRecord = z.object({image_id: text, status: text.nullish()})

export const PricingRecord = z.object({
  gpu_price_estimates: z.record(z.string(), z.object({usd: z.object({hour: z.number().min(0)})})),
})

export const DeployedRecord = z.object({chute_id: z.guid(), version: text.nullish()})

/** `user/name:tag`, where all three are known. */
export function imageOf({image}: ChuteRecord): string | null {
  const username = image?.user?.username
  return username && image?.name && image.tag ? `${username}/${image.name}:${image.tag}` : null
}

export function isHot({disabled, hot, instances}: ChuteRecord): boolean {
  if (disabled) return false
  return hot ?? instances?.some(({active, verified}) => active === true && verified === true) ?? false
}
