/** What a miner can do about the reason for which it is not valid. The same words as `leoma miner check` has. */
const remedies: Readonly<Record<string, string>> = {
  blacklisted: 'Ask the subnet owner why, or use another hotkey.',
  duplicate_model: 'Train a model of your own: whoever committed these weights first keeps them.',
  chute_not_running:
    'Wake the chute: leoma miner check --generate does, or give it a longer shutdown time with leoma miner push.',
  chute_fetch_failed: 'Check the id of the chute, and share it with the accounts of the subnet (leoma miner push).',
  revision_mismatch: 'Commit the full commit hash, the same that the chute was deployed with.',
  hf_model_fetch_failed: 'Make the model public and ungated, with its weights as .safetensors files at this revision.',
  model_name_must_start_with_leoma: 'Name the repository <user>/leoma-<anything>-<hotkey>.',
  model_name_must_end_with_hotkey: 'Name the repository <user>/leoma-<anything>-<hotkey>.',
  image_not_allowed: 'Deploy again with leoma miner push: it uses the image that the exam names.',
  code_is_not_the_template: 'Deploy again with leoma miner push: it uses the published template.',
  code_names_another_model: 'Deploy again with leoma miner push for this model and revision.',
  max_commits_exceeded: 'This hotkey has committed too often: register another.',
  not_on_subnet: 'Register the hotkey, and commit a model.',
}

export function remedyFor(reason: string): string {
  const [word = ''] = reason.split(':')
  return remedies[word] ?? 'leoma miner check names every rule with its remedy.'
}
