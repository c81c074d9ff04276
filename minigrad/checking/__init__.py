"""Gradients against numbers: the check, and which mistake it was."""

from .gradcheck import GradcheckError, check_vjp, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "check_vjp", "gradcheck", "gradgradcheck"]
