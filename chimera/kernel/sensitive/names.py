"""What is looked for, by the names that policies use."""

from enum import StrEnum


class Pattern(StrEnum):
    EMAIL = "pii.email"
    PHONE = "pii.phone"
    CARD = "pii.card"
    IBAN = "pii.iban"
    SSN = "pii.ssn"
    KEY = "secret.key"
    PRIVATE_KEY = "secret.private_key"
    TOKEN = "secret.token"
    PASSWORD = "secret.password"


IN_WORDS = {
    Pattern.EMAIL: "an e-mail address",
    Pattern.PHONE: "a telephone number",
    Pattern.CARD: "the number of a payment card",
    Pattern.IBAN: "the number of a bank account",
    Pattern.SSN: "a social security number",
    Pattern.KEY: "an API key",
    Pattern.PRIVATE_KEY: "a private key",
    Pattern.TOKEN: "a signed token",
    Pattern.PASSWORD: "a password",
}
