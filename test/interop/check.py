"""Bittensor's own Python packages, asked one thing: a JSON request on stdin, a JSON answer on stdout."""

import base64
import hashlib
import json
import os
import sys

import bittensor_drand
from bittensor_wallet import Keyfile, Keypair, Wallet, keyfile


def make_keys(folder, password):
    """A wallet with a hotkey in every form that the packages write."""
    # What the packages say goes to stdout; the answer must stand there alone.
    wallet = Wallet(name="py", hotkey="mnemonic", path=folder)
    wallet.create_new_coldkey(use_password=False, overwrite=True, suppress=True)
    wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
    made = {"mnemonic": wallet.hotkey.ss58_address}
    pairs = {
        "seed": Keypair.create_from_seed("0x" + os.urandom(32).hex()),
        "uri": Keypair.create_from_uri("//Alice//interop"),
        "private": None,
    }
    pairs["private"] = Keypair.create_from_private_key(
        json.loads(bytes(keyfile.serialized_keypair_to_keyfile_data(pairs["uri"])))["privateKey"]
    )
    hotkeys = os.path.join(folder, "py", "hotkeys")
    for name, pair in pairs.items():
        Keyfile(os.path.join(hotkeys, name), name).set_keypair(pair, encrypt=False, overwrite=True)
        made[name] = pair.ss58_address
    plain = bytes(keyfile.serialized_keypair_to_keyfile_data(wallet.hotkey))
    sealed = {
        "nacl": bytes(keyfile.encrypt_keyfile_data(plain, password)),
        "vault": bytes(keyfile.legacy_encrypt_keyfile_data(plain, password)),
        "fernet": fernet(plain, password),
    }
    for name, data in sealed.items():
        file = os.path.join(hotkeys, name)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
            out.write(data)
        made[name] = wallet.hotkey.ss58_address
    return {"hotkeys": made, "coldkey": wallet.coldkeypub.ss58_address}


def fernet(data, password):
    """The oldest form; today's package opens it no more, so it is made as the old one did."""
    from cryptography.fernet import Fernet

    salt = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins"
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 10_000_000, 32)
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(data)


def read_keys(folder, name, hotkeys):
    """Addresses of key files that leoma wrote, and a signature of each hotkey over its own name."""
    wallets = [Wallet(name=name, hotkey=hotkey, path=folder) for hotkey in hotkeys]
    return {
        "coldkey": wallets[0].coldkeypub.ss58_address,
        "hotkeys": {hotkey: wallet.hotkey.ss58_address for hotkey, wallet in zip(hotkeys, wallets)},
        "public": {hotkey: wallet.hotkeypub.ss58_address for hotkey, wallet in zip(hotkeys, wallets)},
        "signatures": {
            hotkey: bytes(wallet.hotkey.sign(hotkey.encode())).hex() for hotkey, wallet in zip(hotkeys, wallets)
        },
    }


def sign(uri, messages):
    pair = Keypair.create_from_uri(uri)
    return {
        "address": pair.ss58_address,
        "signatures": [bytes(pair.sign(bytes.fromhex(message))).hex() for message in messages],
    }


def verify(address, checks):
    pair = Keypair(ss58_address=address)
    return [pair.verify(bytes.fromhex(check["message"]), "0x" + check["signature"]) for check in checks]


def open_timelocked(envelope, pulse):
    """The Rust library behind the SDK, which is the chain's; an envelope is what was sealed, and its round."""
    return bytes(bittensor_drand.decrypt_with_signature(bytes.fromhex(envelope), pulse)).hex()


def seal(message, round):
    return bytes(bittensor_drand.encrypt_at_round(bytes.fromhex(message), round)[0]).hex()


def weights_commit(uids, values, version_key, hotkey):
    """What the SDK commits for these weights: its round is in the future, so only its size can be compared."""
    commit, _ = bittensor_drand.get_encrypted_commit(
        uids=uids,
        weights=values,
        version_key=version_key,
        tempo=360,
        current_block=1000,
        netuid=2,
        subnet_reveal_period_epochs=1,
        block_time=12.0,
        hotkey=bytes.fromhex(hotkey),
    )
    return len(bytes(commit))


def read_commitments(revealed, plain):
    """As `get_all_revealed_commitments` and `get_all_commitments` of the SDK read them."""
    from bittensor.core.chain_data.utils import decode_metadata, decode_revealed_commitment

    field = tuple(bytes.fromhex(plain))
    return {
        "revealed": list(decode_revealed_commitment((tuple(bytes.fromhex(revealed)), 42))),
        "plain": decode_metadata({"info": {"fields": (({f"Raw{len(field)}": (field,)},),)}}),
    }


answers = [make_keys, read_keys, sign, verify, open_timelocked, seal, weights_commit, read_commitments]

if __name__ == "__main__":
    request = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)
    answer = {function.__name__: function for function in answers}[request["ask"]](**request["with"])
    os.write(out, json.dumps(answer).encode())
