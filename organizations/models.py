"""People, the organizations they work for, and the keys their programs use."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.roles import TEMPLATES, RoleKey
from organizations.tenancy import TenantModel


class UserManager(BaseUserManager["User"]):
    """Makes people; the e-mail address is the name they sign in with."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new person; without a password nobody can sign in as them until one is set."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new person who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """The person with that address, in whatever case it is written."""
        return self.get(email=(username or "").lower())


class Language(models.TextChoices):
    """The languages in which the whole product speaks; settings.LANGUAGES has the same two."""

    ENGLISH = "en", "English"
    FRENCH = "fr", "Français"


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail address."""

    email = models.EmailField(_("e-mail address"), unique=True)
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    # Empty until the person chooses: then the browser's languages decide.
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("May open the administration pages.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    # Set for the time of a request by a key that may do less than its person (`organizations.keys`).
    scopes: frozenset[str] | None = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="organizations_user_email_any_case"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Bring the address into the one form in which it is stored."""
        super().clean()
        self.email = type(self).objects.normalize_email(self.email).lower()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether the person may do it, and the key by which they came is for it."""
        if self.scopes is not None and perm not in self.scopes:
            return False
        return super().has_perm(perm, obj)

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """Everything that the person may do, and the key by which they came is for."""
        found: set[str] = super().get_all_permissions(obj)
        return found if self.scopes is None else found & self.scopes

    def get_full_name(self) -> str:
        """The name to show: the full name, or the address where none was given."""
        return self.full_name or self.email

    def get_short_name(self) -> str:
        """The first name, or the part of the address before the @."""
        return self.full_name.split(" ")[0] if self.full_name else self.email.split("@")[0]


class Organization(models.Model):
    """A clinic or agency: everything a customer has belongs to one."""

    name = models.CharField(_("name"), max_length=150)
    slug = models.SlugField(
        _("address"), max_length=60, unique=True, help_text=_("Part of the address of its pages.")
    )
    # 0 deletes an uploaded file as soon as its run has ended.
    keep_files_days = models.PositiveSmallIntegerField(_("keep uploaded files (days)"), default=0)
    daily_upload_limit = models.PositiveIntegerField(
        _("uploads a day"), default=1000, validators=[MinValueValidator(1)]
    )
    daily_size_limit_mib = models.PositiveIntegerField(
        _("uploads a day (MiB)"), default=51_200, validators=[MinValueValidator(1)]
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # A suspended organization can read, but upload nothing.
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """A person's place in one organization."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("organization")
    )
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    # The key of a role of the organization; until its roles are seeded, of a template.
    role = models.SlugField(_("role"), max_length=40, db_index=False, default=RoleKey.MEMBER)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint("organization", "user", name="organizations_one_membership")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Invitation(TenantModel):
    """Somebody who is asked to join an organization; the link of the letter is stored nowhere."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("organization")
    )
    email = models.EmailField(_("e-mail address"))
    role = models.SlugField(_("role"), max_length=40, db_index=False)
    # Who invites: an invitation is worth no more than their rights when it is used.
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.email


class Role(TenantModel):
    """What the members with this role may do in one organization: a template's copy, or a role of its own."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="roles", verbose_name=_("organization")
    )
    key = models.SlugField(_("key"), max_length=40, db_index=False)
    # Empty for a template's copy, whose title is translated.
    title = models.CharField(_("title"), max_length=60, blank=True)
    permissions = models.JSONField(_("permissions"), default=list)
    # What the template of that version gave; both empty for a role of the organization's own.
    given = models.JSONField(_("given by the template"), null=True, blank=True, editable=False)
    template_version = models.PositiveSmallIntegerField(_("template version"), null=True, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint("organization", "key", name="organizations_one_role")]

    def __str__(self) -> str:
        return self.title or str(TEMPLATES[self.key].title if self.key in TEMPLATES else self.key)

    @property
    def is_own(self) -> bool:
        """Whether the organization made it itself."""
        return self.given is None

    @property
    def is_changed(self) -> bool:
        """Whether the organization allows something else than the template did."""
        return self.given is not None and set(self.permissions) != set(self.given)


class ApiKey(TenantModel):
    """A program's way in to one organization, or to the operators' part; the key itself is shown once and never stored.

    A key of an organization opens nothing of the operators', whoever its person is, and a key without one opens
    nothing of any organization: who finds a key in a program that uploads files cannot steer the site with it.
    """

    organization = models.ForeignKey(  # type: ignore[assignment]  # wider than the base on purpose
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_keys",
        verbose_name=_("organization"),
        help_text=_("Empty for a key of the operators: it acts for a person of staff, with their rights."),
    )
    name = models.CharField(_("name"), max_length=100)
    # The person in whose name the key acts: its runs are theirs, and its rights end with theirs.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("person")
    )
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Permissions that the key is for; NULL is everything that its person may do.
    scopes = models.JSONField(_("scopes"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(_("last used from"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class CacheEntry(models.Model):
    """A row of the cache that all processes share, as Django's own cache in the database wants its table."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("cache entry")
        verbose_name_plural = _("cache entries")

    def __str__(self) -> str:
        return self.cache_key
