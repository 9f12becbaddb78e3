import {z} from 'zod'

/**
 * What the subnet asks of the deployments of its miners; part of the exam, so that everybody can read it. A revision that
 * a provider shows is a label its owner typed: only an allowed image and known code say what really runs.
 */
export const DeploymentPolicy = z.strictObject({
  /** Images that a deployment may run on, as `user/name:tag`; any when empty. The first is what `miner push` uses. */
  images: z.array(z.string().min(1).max(200)).max(64).default([]),
  /** Any code, code that names the model and its commit, or the published template filled with them. */
  code: z.enum(['any', 'names', 'template']).default('any'),
  /** Accounts at the provider that must be able to see and call it. */
  shareWith: z.array(z.string().min(1).max(64)).max(64).default([]),
})
export type DeploymentPolicy = z.infer<typeof DeploymentPolicy>

/** The policy in the parameters of an exam; undefined when it asks for nothing. Never throws. */
export function deploymentPolicy(params: unknown): DeploymentPolicy | undefined {
  const found = z.object({deployment: DeploymentPolicy}).safeParse(params)
  return found.success ? found.data.deployment : undefined
}
