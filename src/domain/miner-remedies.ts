/** What a remedy can be about; what is not known is told as a placeholder. */
export interface RemedyFacts {
  readonly hotkey?: string | undefined
  readonly modelName?: string | null | undefined
}

/**
 * What a miner can do about the reason for which validation found it not valid, for whoever says it: the command line, the
 * dashboard. Begins small and ends without a stop, because it stands in tables. Null for a reason that has no remedy of its own.
 */
export function remedyFor(reason: string, {hotkey = '<hotkey>', modelName}: RemedyFacts = {}): string | null {
  const [word = ''] = reason.split(':')
  if (word.startsWith('max_commits_exceeded')) return 'no commitment of this hotkey counts any more: register another'
  if (word === 'model_name_must_start_with_leoma' || word === 'model_name_must_end_with_hotkey')
    return `name the repository <user>/leoma-<anything>-${hotkey}`
  if (word === 'hf_model_fetch_failed') {
    const what = modelName ? `https://huggingface.co/${modelName}` : 'the model'
    return `make ${what} public and ungated, with its weights as .safetensors files at this revision`
  }
  return remedies[word] ?? null
}

const remedies: Readonly<Record<string, string>> = {
  not_on_subnet: 'register the hotkey on the subnet, and commit a model',
  blacklisted: 'ask the subnet owner why, or use another hotkey',
  missing_model_name: 'give --model-name user/repository, at most 255 characters',
  missing_model_revision: 'give --model-revision, at most 64 characters',
  missing_chute_id: 'give --chute-id',
  revision_mismatch: 'give the full commit hash (40 hex digits), the same that the chute was deployed with',
  chute_fetch_failed:
    'check the id; share the chute with the accounts of the subnet (CHUTE_SHARE_WITH, leoma miner push), and look with a key that may see it (CHUTES_API_KEY)',
  chute_not_running: 'wake it: leoma miner check --generate does, or raise its shutdown time with leoma miner push',
  image_not_allowed: 'deploy again with leoma miner push: it uses the image that the exam names',
  code_is_not_the_template: 'deploy again with leoma miner push: it uses the published template',
  code_names_another_model: 'deploy again with leoma miner push for this model and revision',
  duplicate_model: 'train a model of your own: whoever committed these weights first keeps them',
}
