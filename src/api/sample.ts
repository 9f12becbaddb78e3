import type {SignedManifest} from '../domain/task.js'
import type {SignedVerdict} from '../domain/verdict.js'
import type {SampleSubmission} from './schemas.js'

/** Published limit of the artefact fields, in code points. */
const maxArtefactText = 8192
const presentationOrder = 'single-video benchmark'

/** A signed verdict as the published API knows it, for readers that do not know verdicts; the verdict goes with it. */
export function sampleOf(signed: SignedVerdict, {manifest}: SignedManifest, bucket: string): SampleSubmission {
  const {verdict} = signed
  const answer = manifest.answers.find(({hotkey}) => hotkey === verdict.miner)
  const scores = `overall_score=${verdict.overall} | aspect_scores=${JSON.stringify(verdict.aspects)}`
  return {
    task_id: verdict.taskId,
    miner_hotkey: verdict.miner,
    prompt: manifest.prompt.text,
    s3_bucket: bucket,
    s3_prefix: String(verdict.taskId),
    passed: verdict.passed,
    confidence: verdict.confidence,
    reasoning: `${verdict.reasoning} | ${scores}`,
    latency_ms: answer?.latencyMs ?? null,
    original_artifacts: '[]',
    generated_artifacts: generatedArtifacts(verdict),
    presentation_order: presentationOrder,
    evaluation_signature: null,
    verdict: signed,
  }
}

/** JSON text within the published limit: when quoting makes it too long, the last remarks are left out. */
function generatedArtifacts({issues, strengths, aspects, overall}: SignedVerdict['verdict']): string {
  for (let keep = Math.max(issues.length, strengths.length); ; keep--) {
    const text = JSON.stringify({
      major_issues: issues.slice(0, keep),
      strengths: strengths.slice(0, keep),
      aspect_scores: aspects,
      overall_score: overall,
      raw_generated_artifacts: issues.slice(0, keep),
    })
    if ([...text].length <= maxArtefactText || keep === 0) return text
  }
}
