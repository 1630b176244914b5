"""What the invented jobs are: kinds with their shares and habits, the errors that they meet, who they work for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """The jobs of one task: how many of a thousand they are, and how they usually go."""

    task: str
    queue: str
    per_mille: int
    # The middle run and wait; both spread as `spread` says (of the logarithm).
    run_seconds: float
    wait_seconds: float
    spread: float
    # Of a thousand jobs: those that fail for good, and those that succeed only at the second try.
    failed: int
    retried: int
    timeout_seconds: int
    attempts: int
    # The name of the argument that holds an id; empty for a task of the site itself, which has no tenant.
    argument: str


KINDS = (
    Kind("notifications.deliver", "emails", 230, 0.18, 0.4, 0.8, 8, 30, 60, 4, "delivery_id"),
    Kind("notifications.show", "notifications", 200, 0.008, 0.03, 0.7, 1, 4, 30, 3, "notification_id"),
    Kind("webhooks.deliver", "webhooks", 160, 0.25, 0.2, 0.9, 60, 80, 30, 4, "delivery_id"),
    Kind("validations.validate_run", "validations", 130, 4.5, 2.5, 1.0, 25, 10, 3600, 3, "run_id"),
    Kind("validations.delete_results", "maintenance", 40, 0.6, 5.0, 0.8, 1, 3, 1800, 3, "result_ids"),
    Kind("documents.ingest", "documents", 60, 6.0, 4.0, 1.0, 40, 25, 1800, 3, "document_id"),
    Kind("ai.embed_chunks", "ai", 45, 3.0, 20.0, 0.9, 35, 120, 600, 3, "document_id"),
    Kind("reports.build", "reports", 40, 8.0, 6.0, 0.9, 12, 10, 600, 3, "report_id"),
    Kind("integrations.sync_clinic", "integrations", 40, 12.0, 3.0, 1.1, 30, 60, 300, 4, "clinic_id"),
    Kind("organizations.seed_roles", "roles", 20, 0.05, 0.05, 0.5, 1, 1, 30, 3, "organization_id"),
    Kind("organizations.invite", "critical", 15, 0.12, 0.04, 0.5, 4, 6, 60, 4, "invitation_id"),
    Kind("reports.morning_digest", "scheduled", 15, 2.0, 1.5, 0.6, 6, 6, 600, 3, "organization_id"),
    Kind("validations.sweep_files", "maintenance", 5, 1.2, 9.0, 0.7, 2, 2, 1800, 3, ""),
)

# Class, code and message of failures by task; the first are the most frequent. "*" is for every task.
ERRORS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "*": (
        ("OperationalError", "", "server closed the connection unexpectedly"),
        ("JobTimeoutError", "timeout", "the time limit was over"),
        ("MemoryError", "", ""),
        ("KeyError", "", "'profile'"),
    ),
    "notifications.deliver": (
        ("SMTPServerDisconnected", "", "Connection unexpectedly closed"),
        ("SMTPRecipientsRefused", "refused", "550 mailbox unavailable"),
    ),
    "webhooks.deliver": (
        ("ReadTimeout", "", "timed out after 10 s"),
        ("BadStatusError", "status", "the endpoint answered 500"),
        ("BadStatusError", "status", "the endpoint answered 410"),
        ("ConnectError", "", "name or service not known"),
    ),
    "validations.validate_run": (
        ("TooLargeError", "too_long", "the file has more lines than the limit"),
        ("NoHeaderError", "no_header", "no line of the file looks like a header"),
    ),
    "documents.ingest": (
        ("EncryptedPdfError", "encrypted", "the document asks for a password"),
        ("PdfSyntaxError", "", "no /Root object"),
    ),
    "ai.embed_chunks": (
        ("RateLimitError", "rate", "429 too many requests"),
        ("BackendUnavailableError", "", "503 service unavailable"),
    ),
    "integrations.sync_clinic": (
        ("CertificateError", "", "certificate has expired"),
        ("SchemaError", "schema", "field amount is missing"),
    ),
}

ORGANIZATIONS = (
    "Clinique des Érables", "Clinique du Vieux-Port", "Centre médical Laurentien", "Agence Boréale",
    "Polyclinique de l'Estuaire", "Groupe santé Outaouais", "Cabinet Gagné et associés", "Clinique Rivière-du-Loup",
    "Centre Saint-Sauveur", "Clinique dentaire du Parc", "Physio Mauricie", "Clinique de l'Anse",
    "Médecine familiale Rosemont", "Centre d'imagerie du Fjord", "Clinique des Cèdres", "Hôpital de jour Sainte-Foy",
    "Groupe Lévis-Sud", "Clinique Ahuntsic", "Coopérative santé Gaspésie", "Clinique pédiatrique Arc-en-ciel",
    "Centre Maskinongé", "Clinique du Plateau", "Ergothérapie Sherbrooke", "Clinique Val-d'Or",
    "Groupe radiologie Nord", "Clinique Beauport", "Centre Charlevoix", "Clinique sans rendez-vous Laval",
    "Audiologie Trois-Rivières", "Clinique du Lac",
)  # fmt: skip
